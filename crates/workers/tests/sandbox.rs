//! A worker that is told to do what no worker may: each act is refused, or ends the worker and nothing else. The program
//! of these tests is the workers' own: it is shut in by the same code as `darkroom` is, and then does as it is told.
#![allow(unsafe_code, reason = "an act is a call that nobody should make")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use domain::{AccountId, Fault as _, Problem};
use libtest_mimic::{Arguments, Trial};
use variant::{Facts, Format};
use workers::testing::ACT;
use workers::{Config, Error, Lane, Workers};

/// Whether the program is only to say that it is no worker.
const ITSELF: &str = "DARKROOM_TEST_ITSELF";

/// What the program does as the server of workers, in a process of its own.
const SERVER: &str = "DARKROOM_TEST_SERVER";

fn main() {
    workers::testing::enter_doing(act);
    if std::env::var_os(ITSELF).is_some() {
        println!("no worker");
        return;
    }
    if let Ok(role) = std::env::var(SERVER) {
        return serve(&role);
    }
    let trials = vec![
        trial("files_are_neither_read_nor_written", files_are_neither_read_nor_written),
        trial("nothing_is_connected_to", nothing_is_connected_to),
        trial("no_process_is_made", no_process_is_made),
        trial("nobody_else_is_signalled_or_looked_into", nobody_else_is_signalled_or_looked_into),
        trial("memory_ends_at_its_limit", memory_ends_at_its_limit),
        trial("memory_is_never_made_executable", memory_is_never_made_executable),
        trial("time_ends_at_its_limit", time_ends_at_its_limit),
        trial("threads_come_to_an_end", threads_come_to_an_end),
        trial("a_worker_has_its_socket_and_nothing_else", a_worker_has_its_socket_and_nothing_else),
        trial("this_kernel_has_all_that_shuts_a_worker_in", this_kernel_has_all_that_shuts_a_worker_in),
        trial("an_answer_that_breaks_the_protocol_ends_the_worker", an_answer_that_breaks_the_protocol),
        trial("a_dead_worker_fails_its_own_job_and_is_replaced", a_dead_worker_is_replaced),
        trial("a_panic_is_a_damaged_file", a_panic_is_a_damaged_file),
        trial("a_worker_that_was_killed_at_rest_fails_nobody", a_worker_that_was_killed_at_rest),
        trial("pictures_of_every_format_come_in_and_go_out_shut_in", pictures_come_in_and_go_out),
        trial("no_worker_outlives_its_server", no_worker_outlives_its_server),
        trial("no_worker_outlives_a_server_that_is_killed", no_worker_outlives_a_killed_server),
        trial(
            "a_worker_that_keeps_descriptors_refuses_to_start_and_says_why",
            a_worker_that_keeps_descriptors,
        ),
        trial("a_worker_that_stays_root_is_told_of", a_worker_that_stays_root),
        trial("a_worker_that_tells_what_cannot_be_is_replaced", a_worker_that_tells_what_cannot_be),
        trial("nobody_becomes_a_worker_by_accident", nobody_becomes_a_worker_by_accident),
        trial("a_worker_whose_server_is_gone_becomes_nothing_else", an_orphan_becomes_nothing_else),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trial(name: &str, test: fn(&House)) -> Trial {
    Trial::test(name, move || {
        test(&House::new(Config::default()));
        Ok(())
    })
}

/// Workers whose program is this one.
struct House {
    runtime: tokio::runtime::Runtime,
    workers: Workers,
}

impl House {
    fn new(config: Config) -> House {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let config = Config { program: std::env::current_exe().unwrap(), ..config };
        let workers = runtime.block_on(async { Workers::new(config) }).unwrap();
        House { runtime, workers }
    }

    /// Has a worker do something; what it says of that.
    fn told(&self, act: &str) -> Result<String, Error> {
        let original = format!("{ACT}{act}");
        self.runtime.block_on(async {
            let facts = Facts::new(Format::Png, 8, 8);
            let slot = self.workers.slot(Lane::Upload, &AccountId::random(), &facts).await?;
            match slot.examine(original.into(), facts).await {
                Err(Error::Render(variant::Error::Damaged(said))) => Ok(said),
                Err(error) => Err(error),
                Ok(_) => panic!("an act is no picture"),
            }
        })
    }

    /// The act is refused by the kernel: the worker lives and says so.
    fn is_refused(&self, act: &str) {
        let said = self.told(act).unwrap_or_else(|error| panic!("{act}: {error:?}"));
        assert!(said.starts_with("refused"), "{act}: {said}");
    }

    /// The act ends the worker: its job is one that cannot be decoded, and the next one is done.
    fn is_deadly(&self, act: &str) {
        let failed = self.told(act).map(|said| panic!("{act}: {said}"));
        assert!(matches!(failed, Err::<(), _>(Error::Died)), "{act}: {failed:?}");
        assert_eq!(self.told("nothing").unwrap(), "done", "after {act}");
    }
}

fn files_are_neither_read_nor_written(house: &House) {
    for path in ["/etc/passwd", "/proc/self/environ", "/proc/self/mem", "/", "."] {
        house.is_refused(&format!("open {path}"));
    }
    for path in ["/tmp/darkroom-act", "/dev/shm/darkroom-act", "/dev/null"] {
        house.is_refused(&format!("write {path}"));
    }
    house.is_refused("remove /tmp/darkroom-act");
    house.is_refused("memfd");
}

fn nothing_is_connected_to(house: &House) {
    house.is_deadly("connect 127.0.0.1:1");
    house.is_deadly("socket");
    house.is_deadly("pair");
}

fn no_process_is_made(house: &House) {
    house.is_refused("fork");
    house.is_deadly("execute");
}

fn nobody_else_is_signalled_or_looked_into(house: &House) {
    house.is_deadly("signal");
    house.is_refused("signal-thread");
    house.is_deadly("trace");
    house.is_refused("limit-parent");
    house.is_refused("signal-by-descriptor");
    assert_eq!(house.told("stop-itself").unwrap(), "done", "a stop is for the server");
}

fn memory_ends_at_its_limit(_: &House) {
    let house = House::new(Config { max_worker_bytes: 512 << 20, ..Config::default() });
    assert_eq!(house.told("allocate 100").unwrap(), "done");
    house.is_refused("allocate 600");
    house.is_deadly("allocate-unchecked 600");
}

fn memory_is_never_made_executable(house: &House) {
    house.is_refused("executable-memory");
}

fn time_ends_at_its_limit(_: &House) {
    let house = House::new(Config { render_timeout_s: 1, ..Config::default() });
    for act in ["spin", "sleep"] {
        let began = Instant::now();
        let late = house.told(act).unwrap_err();
        assert_eq!(late.problem(), Problem::RenderTimeout, "{act}: {late:?}");
        assert!(began.elapsed() >= Duration::from_secs(1), "{act} was ended before its time");
        assert_eq!(house.told("nothing").unwrap(), "done");
    }
    // On two processors twice as much time of them passes.
    house.told("spin-twice").unwrap_err();
}

fn threads_come_to_an_end(house: &House) {
    let said = house.told("threads").unwrap();
    let threads: u64 =
        said.strip_prefix("refused after ").unwrap_or_else(|| panic!("{said}")).parse().unwrap();
    assert!(threads >= 4, "decoders need some: {threads}");
}

fn a_worker_has_its_socket_and_nothing_else(house: &House) {
    let _open = std::fs::File::open("/etc/passwd").unwrap();
    let said = house.told("describe").unwrap();
    let has = |words: &str| assert!(said.contains(words), "{words} in {said}");
    has("descriptors 3");
    has("variables 0");
    has("file bytes Some(0)");
    has("core bytes Some(0)");
    has("tasks Some(");
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", house.told("who").unwrap())) {
        let has = |line: &str| assert!(status.contains(line), "{line:?} in {status}");
        has("NoNewPrivs:\t1");
        has("Seccomp:\t2");
        // Also where root started it, which it is in a container that does not say otherwise.
        assert!(!status.contains("Uid:\t0"), "{status}");
    }
}

fn this_kernel_has_all_that_shuts_a_worker_in(house: &House) {
    let missing = house.runtime.block_on(house.workers.missing_from_sandbox()).unwrap();
    assert!(missing.is_empty(), "{missing:?}");
}

fn an_answer_that_breaks_the_protocol(house: &House) {
    for act in ["garble", "garble-long", "garble-short", "babble", "exit"] {
        house.is_deadly(act);
    }
}

fn a_dead_worker_is_replaced(house: &House) {
    for act in ["abort", "overflow", "exit"] {
        let failed = house.told(act).unwrap_err();
        assert_eq!((failed.problem().status(), failed.problem().api_code()), (422, 5450), "{act}");
        assert_eq!(failed.problem().delivery_code(), 9516, "{act}");
        assert_eq!(house.told("nothing").unwrap(), "done");
    }
    // Its replacement is the one that did the next job, or rests beside it.
    assert!((1..=5).contains(&house.workers.load().processes), "{:?}", house.workers.load());
}

fn a_panic_is_a_damaged_file(house: &House) {
    let said = house.told("panic").unwrap();
    assert!(!said.contains("tile"), "the decoder's words are for the log: {said}");
    assert_eq!(house.told("nothing").unwrap(), "done");
}

fn a_worker_that_was_killed_at_rest(house: &House) {
    let pid = house.told("who").unwrap();
    // SAFETY: a plain number of a child of ours.
    unsafe { libc::kill(pid.parse().unwrap(), libc::SIGKILL) };
    let other = house.told("who").unwrap();
    assert_ne!(other, pid);
}

/// With the small files that fuzzing begins from, and whatever formats this build has.
fn pictures_come_in_and_go_out(house: &House) {
    let (limits, mut made) = (variant::Limits::default(), 0);
    for name in ["jpeg", "png", "gif", "webp", "avif", "jxl", "heic"] {
        let folder = format!("{}/../../fuzz/files/{name}", env!("CARGO_MANIFEST_DIR"));
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            let bytes = bytes::Bytes::from(std::fs::read(&file).unwrap());
            let probed = house
                .runtime
                .block_on(async { house.workers.probe_slot().await?.probe(bytes.clone()).await });
            let facts = match probed {
                Ok(facts) => facts,
                // Only some builds read it.
                Err(error) if name == "heic" && error.problem() == Problem::NotAnImage => continue,
                Err(error) => panic!("{}: {error:?}", file.display()),
            };
            for wish in ["w=8,f=jpeg", "w=8,f=png,q=50", "w=8,f=gif", "w=8,f=webp", "w=8,f=avif", "w=8,f=jxl"]
            {
                // Not every build makes JPEG XL.
                let Ok(options) = variant::Options::parse(wish) else { continue };
                let hints = domain::Hints::default();
                let recipe = variant::settle(&options, &facts, None, &hints, &limits).unwrap();
                let inputs = workers::Inputs::plain(bytes.clone(), facts.clone());
                let rendered = house.runtime.block_on(async {
                    let (lane, account) = (Lane::Interactive, AccountId::random());
                    let slot = house.workers.render_slot(lane, &account, &facts, &[], &recipe).await?;
                    slot.render(inputs, recipe.clone()).await
                });
                let rendition =
                    rendered.unwrap_or_else(|error| panic!("{} {wish}: {error:?}", file.display()));
                assert_eq!(rendition.format, recipe.encoding.format());
                made += 1;
            }
        }
    }
    println!("{made} renditions");
}

fn no_worker_outlives_its_server(_: &House) {
    let house = House::new(Config::default());
    let pid = house.told("who").unwrap();
    drop(house);
    let gone = || !std::path::Path::new(&format!("/proc/{pid}")).exists();
    let until = Instant::now() + Duration::from_secs(10);
    while !gone() {
        assert!(Instant::now() < until, "worker {pid} is still there");
        std::thread::yield_now();
    }
}

fn no_worker_outlives_a_killed_server(_: &House) {
    let mut server = server("busy").spawn().unwrap();
    // One spins, one sleeps, one had its turn and rests.
    let workers = eventually("three workers", || Some(workers_of(server.id())).filter(|all| all.len() == 3));
    server.kill().unwrap();
    server.wait().unwrap();
    let left = || workers.iter().copied().filter(|pid| runs(*pid)).collect::<Vec<_>>();
    eventually("an end of all workers", || left().is_empty().then_some(()));
}

fn a_worker_that_tells_what_cannot_be(house: &House) {
    let pid = house.told("who").unwrap();
    let probed = |act: &str| {
        let original = format!("{ACT}{act}");
        house.runtime.block_on(async { house.workers.probe_slot().await?.probe(original.into()).await })
    };
    let failed = probed("pretend").unwrap_err();
    assert!(matches!(failed, Error::Died), "{failed:?}");
    assert_ne!(house.told("who").unwrap(), pid, "it is not asked again");
    eventually("its end", || (!runs(pid.parse().unwrap())).then_some(()));
}

fn a_worker_that_keeps_descriptors(_: &House) {
    let said = server("without close_range").output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.starts_with("cannot start") && said.contains("descriptors cannot be closed"), "{said}");
}

fn a_worker_that_stays_root(_: &House) {
    let said = server("without setresuid").output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    // SAFETY: takes nothing.
    let is_root = unsafe { libc::geteuid() } == 0;
    assert_eq!(said.contains("cannot become another user"), is_root, "{said}");
    assert!(said.starts_with("missing"), "{said}");
}

/// This program as the server of workers.
fn server(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(SERVER, role).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// What it does then.
fn serve(role: &str) {
    if let Some(call) = role.strip_prefix("without ") {
        refuse(if call == "close_range" { libc::SYS_close_range } else { libc::SYS_setresuid });
        let house = House::new(Config::default());
        match house.runtime.block_on(house.workers.missing_from_sandbox()) {
            Ok(missing) => println!("missing {missing:?}"),
            Err(Error::Start(why)) => println!("cannot start: {why}"),
            Err(other) => println!("{other:?}"),
        }
        return;
    }
    let house = House::new(Config { render_timeout_s: 600, workers: 4, ..Config::default() });
    std::thread::scope(|scope| {
        scope.spawn(|| house.told("spin"));
        scope.spawn(|| house.told("sleep"));
        eventually("two workers", || (workers_of(std::process::id()).len() == 2).then_some(()));
        house.told("nothing").unwrap();
    });
}

/// From now on the kernel refuses a call to this process and to those that it starts.
fn refuse(call: libc::c_long) {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let machine = std::env::consts::ARCH.try_into().unwrap();
    let refused = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    let rules = [(call, Vec::new())].into();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, machine).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// The children of a process.
fn workers_of(server: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, parent)| parent == server)).collect()
}

fn runs(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z" && state != "X")
}

/// The state and the parent of a process.
fn stat(pid: u32) -> Option<(String, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = stat.rsplit_once(") ")?.1.split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

/// What is there after a while.
fn eventually<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "no sign of {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn nobody_becomes_a_worker_by_accident(_: &House) {
    let program = std::env::current_exe().unwrap();
    let is_itself = |command: &mut Command| {
        let said = command.env(ITSELF, "1").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), "no worker\n", "{said:?}");
    };
    // Neither a name alone, nor words behind it, nor a socket alone.
    is_itself(Command::new(&program).arg0("darkroom: worker").stdin(Stdio::null()));
    is_itself(Command::new(&program).arg("darkroom: worker").stdin(Stdio::null()));
    let (_here, there) = UnixStream::pair().unwrap();
    is_itself(Command::new(&program).stdin(OwnedFd::from(there)));
    let (_here, there) = UnixStream::pair().unwrap();
    is_itself(Command::new(&program).arg0("darkroom: worker").arg("serve").stdin(OwnedFd::from(there)));
}

fn an_orphan_becomes_nothing_else(_: &House) {
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    std::os::unix::fs::symlink(program, folder.path().join("darkroom: worker")).unwrap();
    let (_here, there) = UnixStream::pair().unwrap();
    // Its parent is the shell, which is not who made the socket.
    let mut shell = Command::new("/bin/sh");
    let shell = shell.args(["-c", "'darkroom: worker'; exit $?"]).env("PATH", folder.path()).env(ITSELF, "1");
    let said = shell.stdin(OwnedFd::from(there)).output().unwrap();
    assert!(said.status.success() && said.stdout.is_empty() && said.stderr.is_empty(), "{said:?}");
}

/// Does what no worker should do, in a worker.
fn act(act: &str) -> String {
    let (word, rest) = act.split_once(' ').unwrap_or((act, ""));
    match word {
        "open" => outcome(std::fs::File::open(rest).map(drop)),
        "write" => outcome(std::fs::write(rest, "x")),
        "remove" => outcome(std::fs::remove_file(rest)),
        "connect" => outcome(TcpStream::connect(rest).map(drop)),
        "pair" => outcome(UnixStream::pair().map(drop)),
        "execute" => call(libc::SYS_execve, [c"/bin/true".as_ptr() as usize, 0, 0]),
        "memfd" => call(libc::SYS_memfd_create, [c"x".as_ptr() as usize, 0, 0]),
        "socket" => call(libc::SYS_socket, [libc::AF_INET as usize, libc::SOCK_DGRAM as usize, 0]),
        "fork" => call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0]),
        "signal" => call(libc::SYS_kill, [parent(), 0, 0]),
        "signal-thread" => call(libc::SYS_tgkill, [parent(), parent(), 0]),
        "limit-parent" => {
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            call(libc::SYS_prlimit64, [parent(), libc::RLIMIT_CPU as usize, &raw const none as usize])
        }
        "signal-by-descriptor" => call(libc::SYS_fcntl, [0, libc::F_SETOWN as usize, parent()]),
        "stop-itself" => {
            let itself = std::process::id() as usize;
            call(libc::SYS_tgkill, [itself, itself, libc::SIGTERM as usize])
        }
        "trace" => call(libc::SYS_ptrace, [libc::PTRACE_ATTACH as usize, parent(), 0]),
        "executable-memory" => {
            let right = (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC) as usize;
            outcome(map(right).map(drop))
        }
        "allocate" => allocate(rest.parse().unwrap_or(0)),
        "allocate-unchecked" => vec![1_u8; rest.parse().unwrap_or(0) << 20].len().to_string(),
        "threads" => threads(),
        "describe" => describe(),
        "who" => std::process::id().to_string(),
        "panic" => panic!("a tile outside of its picture"),
        "abort" => std::process::abort(),
        "overflow" => deep(1).to_string(),
        "exit" => std::process::exit(0),
        "sleep" => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        "spin" => spin(),
        "spin-twice" => {
            std::thread::spawn(spin);
            spin()
        }
        "garble" => say(&[0xff; 64]),
        "garble-long" => say(&[[0, 0, 0, 1].as_slice(), &[0xff; 8]].concat()),
        "garble-short" => say(&[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
        "babble" => loop {
            say(&[0; 65_536]);
        },
        _ => "done".to_owned(),
    }
}

fn outcome(result: std::io::Result<()>) -> String {
    result.map_or_else(|error| format!("refused: {error}"), |()| "done".to_owned())
}

fn call(number: libc::c_long, [first, second, third]: [usize; 3]) -> String {
    // SAFETY: the kernel refuses it, which is what is tested; where it does not, the test has failed.
    let answer = unsafe { libc::syscall(number, first, second, third, 0_usize, 0_usize, 0_usize) };
    if answer == 0 && number == libc::SYS_clone {
        // A second worker must not go on.
        std::process::exit(0);
    }
    outcome(if answer < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) })
}

fn parent() -> usize {
    std::os::unix::process::parent_id() as usize
}

fn map(right: usize) -> std::io::Result<*mut libc::c_void> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: the address is the kernel's choice.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), 4_096, right as libc::c_int, flags, -1, 0) };
    if at == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(at) }
}

fn allocate(megabytes: usize) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    match bytes.try_reserve_exact(megabytes << 20) {
        Ok(()) => "done".to_owned(),
        Err(error) => format!("refused: {error}"),
    }
}

fn threads() -> String {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Arc::new(std::sync::Mutex::new(held));
    for number in 0..50_000 {
        let held = held.clone();
        let started = std::thread::Builder::new().stack_size(16 << 10).spawn(move || {
            let _ = held.lock().map(|held| held.recv());
        });
        if started.is_err() {
            drop(hold);
            return format!("refused after {number}");
        }
    }
    "done".to_owned()
}

fn describe() -> String {
    // SAFETY: plain numbers.
    let descriptors = (0..64).filter(|number| unsafe { libc::fcntl(*number, libc::F_GETFD) } >= 0).count();
    let limit = |which| {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer is to a local.
        (unsafe { libc::getrlimit(which, &raw mut limit) } == 0).then_some(limit.rlim_max)
    };
    format!(
        "descriptors {descriptors}, variables {}, file bytes {:?}, core bytes {:?}, tasks {:?}",
        std::env::vars_os().count(),
        limit(libc::RLIMIT_FSIZE),
        limit(libc::RLIMIT_CORE),
        limit(libc::RLIMIT_NPROC).filter(|tasks| *tasks < 1 << 20),
    )
}

fn spin() -> String {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
    }
}

#[expect(unconditional_recursion, reason = "that is the act")]
fn deep(number: u64) -> u64 {
    let here = std::hint::black_box([number; 1_000]);
    deep(number + 1) + here[999]
}

fn say(bytes: &[u8]) -> String {
    // SAFETY: descriptor 0 is the socket, which stays open.
    let mut socket =
        std::mem::ManuallyDrop::new(unsafe { <std::fs::File as std::os::fd::FromRawFd>::from_raw_fd(0) });
    let _ = socket.write_all(bytes);
    let _ = socket.read(&mut []);
    "done".to_owned()
}
