//! The cell: what a worker gives up before it reads a byte of anybody's. It keeps the socket to the server, and
//! memory and time within limits. What the kernel does not have is told, and the rest holds all the same.
#![allow(unsafe_code, reason = "a few calls that only the C library has")]

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, setrlimit};

use crate::protocol::Setup;

mod filter;

/// Descriptors of a worker: three of its own and as many as an order brings.
const MAX_DESCRIPTORS: u64 = 8 + crate::protocol::MAX_INPUTS as u64;

/// Who a worker is that root has started: nobody.
const NOBODY: libc::uid_t = 65_534;

/// Threads and processes of a worker's user beyond those that the machine has now. The kernel counts those of the
/// server with them, so a small number would be none.
const MAX_MORE_TASKS: u64 = 1_024;

/// Freed bytes that a pool of the allocator keeps until the worker has nothing to do: more than most pictures take. Memory
/// that comes from the kernel is cleared, and costs a fault for each page of it.
const MAX_KEPT_BYTES: libc::c_int = 32 << 20;

/// The same of the server, for good.
const MAX_KEPT_BYTES_OF_SERVER: libc::c_int = 1 << 20;

/// Shuts this process in; returns the parts that the kernel does not have. What every kernel has and refuses is an error,
/// as is a worker that stays root with all calls open to it.
pub(crate) fn enter(setup: &Setup) -> io::Result<Vec<String>> {
    ignore_stops();
    close_others().map_err(|error| because("inherited descriptors cannot be closed", &error))?;
    have_few_pools();
    keep_at_most(MAX_KEPT_BYTES);
    // Lower only: a machine that gives nobody a priority keeps it as it is.
    let _ = rustix::process::setpriority_process(None, setup.niceness);
    limit(Resource::Core, 0)?;
    limit(Resource::As, setup.max_bytes)?;
    limit(Resource::Nofile, MAX_DESCRIPTORS)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Memlock, 0)?;
    limit(Resource::Nproc, tasks_now().saturating_add(MAX_MORE_TASKS))?;
    rustix::thread::set_no_new_privs(true)?;
    let nobody = become_nobody();
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let mut missing = Vec::new();
    if let Err(why) = no_files_nor_network() {
        missing.push(format!("landlock ({why})"));
    }
    let filtered = filter::install();
    if let Err(error) = nobody {
        let error = because("root's worker cannot become another user", &error);
        if filtered.is_err() {
            return Err(error);
        }
        missing.push(format!("another user ({error})"));
    }
    if let Err(why) = filtered {
        missing.push(format!("seccomp ({why})"));
    }
    Ok(missing)
}

fn because(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Ends this process at once, whatever its other threads do.
pub(crate) fn exit() -> ! {
    // SAFETY: takes a plain number and does not return.
    unsafe { libc::_exit(0) }
}

/// Gives the next piece of work so much time of processors; past it the kernel ends the process.
pub(crate) fn allow_processor_s(seconds: u64) -> io::Result<()> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let until = u64::try_from(used.tv_sec).unwrap_or_default().saturating_add(seconds).saturating_add(1);
    Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(until), maximum: None })?)
}

/// Gives freed memory back to the machine.
pub(crate) fn trim_memory() {
    // SAFETY: takes no pointer, and the allocator locks itself.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Never above what the process has already, which it could not be given back.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let most = rustix::process::getrlimit(resource).maximum.map_or(most, |now| most.min(now));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// A stop is for the server, which finishes what runs and ends its workers itself: a service manager or a terminal
/// sends it to all of its processes.
fn ignore_stops() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: plain numbers; the process has one thread.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Closes whatever came along but the socket and the two that lead nowhere. Kernels before 5.9 cannot do it at once, and
/// containers of their time refuse what they do not know.
fn close_others() -> io::Result<()> {
    // SAFETY: nothing here owns a descriptor from 3 on: it is the first thing that the process does.
    match answered(unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) }) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => close_listed(),
        other => other,
    }
}

/// Closes them one by one.
fn close_listed() -> io::Result<()> {
    let listed: Vec<libc::c_int> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in listed {
        // SAFETY: as above. The list's own descriptor is closed already, which is no failure.
        match answered(unsafe { libc::close(number) }.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EBADF) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What the kernel answered to a call.
fn answered(answer: libc::c_long) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Has the server give freed memory back to the machine. Left alone, the allocator keeps up to 64 MiB in each of its pools,
/// eight for each core, once a large upload was freed. To be called before there is a second thread.
pub fn keep_little_memory() {
    keep_at_most(MAX_KEPT_BYTES_OF_SERVER);
}

/// Bounds what each pool of the allocator keeps of freed memory; a piece of more than half of it is the kernel's own.
#[cfg_attr(not(target_env = "gnu"), expect(unused_variables, reason = "other allocators give it back"))]
fn keep_at_most(bytes: libc::c_int) {
    // SAFETY: takes no pointer; called before there is a second thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, bytes / 2);
        libc::mallopt(libc::M_TRIM_THRESHOLD, bytes);
    }
}

/// Each pool of the allocator takes 64 MiB of address space, and would have one for each thread.
fn have_few_pools() {
    // SAFETY: as above.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Root's workers are nobody, with no group. A container may have no such user, or not let root become one.
fn become_nobody() -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    // SAFETY: plain numbers and an empty list; the process has one thread.
    let (groups, group, user) = unsafe {
        (
            answered(libc::setgroups(0, std::ptr::null()).into()),
            answered(libc::setresgid(NOBODY, NOBODY, NOBODY).into()),
            answered(libc::setresuid(NOBODY, NOBODY, NOBODY).into()),
        )
    };
    groups.and(group).and(user)
}

/// Processes and threads that the machine has right now.
fn tasks_now() -> u64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let tasks = load.split_whitespace().nth(3).and_then(|counts| counts.split('/').nth(1)?.parse().ok());
    tasks.unwrap_or(4_096)
}

/// Landlock: no file may be opened, made or removed, no port used, no signal sent, no socket outside reached.
fn no_files_nor_network() -> Result<(), String> {
    use landlock::{ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetStatus, Scope};
    let abi = ABI::V6;
    let shut = || {
        Ruleset::default()
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?
            .restrict_self()
    };
    match shut() {
        Ok(status) if status.ruleset == RulesetStatus::NotEnforced => Err("the kernel has none".to_owned()),
        Ok(status) if status.ruleset == RulesetStatus::PartiallyEnforced => {
            Err("the kernel has only a part of it".to_owned())
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
