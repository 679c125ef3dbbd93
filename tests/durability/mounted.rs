//! File systems of a test's own, where this machine lets us mount them: as root, outside of most containers.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system; it is unmounted with this value.
pub(crate) struct Mounted {
    folder: tempfile::TempDir,
    image: Option<PathBuf>,
}

impl Mounted {
    /// A small one in memory. None where it cannot be mounted.
    pub(crate) fn tmpfs(bytes: u64) -> Option<Mounted> {
        let mounted = Mounted { folder: tempfile::tempdir().expect("a temporary folder"), image: None };
        let size = format!("size={bytes},mode=0700");
        let at = mounted.path().to_str()?.to_owned();
        run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", &at]).then_some(mounted)
    }

    /// An ext4 in a file, on a loop device. None where it cannot be made.
    pub(crate) fn ext4(bytes: u64) -> Option<Mounted> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let image = folder.path().join("disk.img");
        std::fs::File::create(&image).and_then(|file| file.set_len(bytes)).expect("a file for a disk");
        std::fs::create_dir(folder.path().join("disk")).expect("a folder to mount on");
        let mounted = Mounted { folder, image: Some(image.clone()) };
        let made = run("mkfs.ext4", &["-q", image.to_str()?])
            || run("/usr/sbin/mkfs.ext4", &["-q", image.to_str()?]);
        (made && mounted.mount()).then_some(mounted)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        let folder: &Path = self.folder.path();
        if self.image.is_some() { folder.join("disk") } else { folder.to_owned() }
    }

    /// What a power cut does: nothing that is not on the disk by now will ever be, and every call fails from now on.
    pub(crate) fn cut_power(&self) {
        // FS_IOC_SHUTDOWN with FSOP_GOING_FLAGS_NOLOGFLUSH, as linux/fs.h and xfs_fs.h number them.
        let cut = "import fcntl, os, struct, sys\n\
                   fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        let path = self.path();
        assert!(
            run("python3", &["-c", cut, path.to_str().expect("a path of plain letters")]),
            "the power is cut"
        );
    }

    /// Mounts it again, as the machine does when the power is back. Nobody may have a file of it open.
    pub(crate) fn come_back(&self) {
        let path = self.path();
        assert!(
            run("umount", &[path.to_str().expect("a path of plain letters")]),
            "nobody uses the dead disk"
        );
        assert!(self.mount(), "the disk is well after recovery");
    }

    fn mount(&self) -> bool {
        let (image, path) = (self.image.as_ref().expect("a disk in a file"), self.path());
        let [Some(image), Some(path)] = [image.to_str(), path.to_str()] else { return false };
        run("mount", &["-o", "loop", image, path])
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(path) = self.path().to_str() {
            run("umount", &["-l", path]);
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}
