//! What the worker gives up before it touches a camera's bytes.

/// Ends with its parent, holds no descriptor but its three pipes, gains no rights, leaves no core
/// file (which would hold the camera's password), and takes no more memory than a worker needs.
#[allow(unsafe_code)]
pub fn enter() {
    const MEMORY: libc::rlim_t = 256 * 1024 * 1024;
    let limits = [(libc::RLIMIT_CORE, 0), (libc::RLIMIT_DATA, MEMORY), (libc::RLIMIT_NOFILE, 64)];
    // SAFETY: plain system calls with integers, and pointers to a local that outlives the call. The
    // descriptors that are closed belong to nobody: nothing has been opened yet. What fails is a
    // cage with one bar less, never unsound.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_DUMPABLE, 0);
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
        for (resource, most) in limits {
            let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
            libc::setrlimit(resource, &raw const limit);
        }
        libc::setpriority(libc::PRIO_PROCESS, 0, 5);
        // Rust's own handlers look for stack overflows and let the first signal sent from outside pass.
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

/// Ends the process now: no destructor of FFmpeg's may hold it up.
#[allow(unsafe_code)]
pub fn leave(status: i32) -> ! {
    // SAFETY: does not return; nothing of ours needs a destructor.
    unsafe { libc::_exit(status) }
}
