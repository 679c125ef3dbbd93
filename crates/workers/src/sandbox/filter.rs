//! Which calls of the kernel a worker may make: those of memory, threads, clocks and its socket. What a library tries on
//! its own, like opening a file about the machine, is refused; what only an attacker tries ends the process.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpArgLen::Dword, SeccompCmpArgLen::Qword,
    SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Allowed whatever their arguments are.
const ALLOWED: &[i64] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Answered by another filter.
    libc::SYS_clone3,
];

/// What no decoder does.
const DEADLY: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_mount,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_userfaultfd,
];

/// Installs the filters; nothing takes them off again.
pub(super) fn install() -> Result<(), String> {
    // Of all filters the strictest answer counts, so they are told apart by what they answer.
    let deadly = DEADLY.iter().map(|call| (*call, Vec::new())).collect();
    apply(deadly, SeccompAction::Allow, SeccompAction::KillProcess)?;
    // The C library then starts threads by the older call, whose flags can be looked at.
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    apply([(libc::SYS_clone3, Vec::new())].into(), SeccompAction::Allow, unknown)?;
    // After this one no further filter can be installed.
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    apply(allowed()?, refused, SeccompAction::Allow)
}

/// The calls that are allowed, some of them with certain arguments only.
fn allowed() -> Result<Rules, String> {
    let mut rules: Rules = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let not_executable = SeccompCmpOp::MaskedEq(number(libc::PROT_EXEC));
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![rule(2, not_executable.clone(), 0)?]);
    }
    let thread = number(libc::CLONE_THREAD);
    rules.insert(libc::SYS_clone, vec![rule(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    // Its own threads may be woken and ended, as `abort` does.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![rule(0, SeccompCmpOp::Eq, own)?]);
    // Its own limits may be read, and time of processors be given for the next piece of work; those of another process,
    // the server's among them, would end it.
    let itself = || condition(0, Dword, SeccompCmpOp::Eq, 0);
    let reads = vec![itself()?, condition(2, Qword, SeccompCmpOp::Eq, 0)?];
    let processors = vec![itself()?, condition(1, Dword, SeccompCmpOp::Eq, u64::from(libc::RLIMIT_CPU))?];
    let limits = [reads, processors].into_iter().map(SeccompRule::new).collect::<Result<_, _>>();
    rules.insert(libc::SYS_prlimit64, limits.map_err(told)?);
    // What a descriptor is may be asked. By others it would be made to send signals to the server.
    let asked = [libc::F_GETFD, libc::F_GETFL, libc::F_DUPFD_CLOEXEC, libc::F_GET_SEALS];
    let asked = asked.into_iter().map(|what| rule(1, SeccompCmpOp::Eq, number(what)));
    rules.insert(libc::SYS_fcntl, asked.collect::<Result<_, _>>()?);
    let names = [number(libc::PR_SET_NAME), number(libc::PR_SET_VMA)];
    let named = names.into_iter().map(|name| rule(0, SeccompCmpOp::Eq, name)).collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_prctl, named);
    Ok(rules)
}

fn number(flag: libc::c_int) -> u64 {
    u64::from(flag.unsigned_abs())
}

/// Flags and ids are of 32 bits.
fn rule(argument: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompRule, String> {
    SeccompRule::new(vec![condition(argument, Dword, op, value)?]).map_err(told)
}

fn condition(
    argument: u8,
    width: SeccompCmpArgLen,
    op: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, String> {
    SeccompCondition::new(argument, width, op, value).map_err(told)
}

fn apply(rules: Rules, otherwise: SeccompAction, matching: SeccompAction) -> Result<(), String> {
    let machine = TargetArch::try_from(std::env::consts::ARCH).map_err(told)?;
    let filter = SeccompFilter::new(rules, otherwise, matching, machine).map_err(told)?;
    let program: BpfProgram = filter.try_into().map_err(told)?;
    apply_filter(&program).map_err(told)
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
