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

/// Keeps every file, program and other process from this thread and those that it starts: what is needed
/// of libraries, time zone and certificates has been read. False if the kernel has no Landlock.
pub fn seal() -> bool {
    use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope};
    let sealed = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V6))
        .and_then(|rules| rules.handle_access(AccessNet::BindTcp))
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    sealed.is_ok_and(|status| status.ruleset != landlock::RulesetStatus::NotEnforced)
}

/// Keeps this thread and those that it starts from all TCP ports but this one, whatever they do. A kernel
/// before 6.7 cannot.
pub fn bar_ports_but(port: Option<u16>) {
    use landlock::{AccessNet, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError};
    let port = port.map(|port| Ok::<_, RulesetError>(NetPort::new(port, AccessNet::ConnectTcp)));
    // Best effort, as is the default: what fails is a cage with one bar less.
    Ruleset::default()
        .handle_access(AccessNet::ConnectTcp)
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(port))
        .and_then(landlock::RulesetCreated::restrict_self)
        .ok();
}

/// Ends the process now: no destructor of FFmpeg's may hold it up.
#[allow(unsafe_code)]
pub fn leave(status: i32) -> ! {
    // SAFETY: does not return; nothing of ours needs a destructor.
    unsafe { libc::_exit(status) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::fs::File;
    use std::io::ErrorKind::PermissionDenied;
    use std::net::{SocketAddr, TcpListener};
    use std::os::fd::AsRawFd;
    use std::process::Command;

    use socket2::{Domain, SockAddr, Socket, Type};

    /// Landlock is of the thread, so one that is thrown away can be sealed.
    #[test]
    fn behind_the_seal_no_file_can_be_opened_and_no_program_run() {
        let kept = tempfile::NamedTempFile::new().unwrap();
        let path = kept.path().to_owned();
        let is_sealed = std::thread::spawn(move || {
            assert!(File::open(&path).is_ok() && File::open("/etc/passwd").is_ok());
            if !super::seal() {
                return false;
            }
            for path in [path.as_path(), "/etc/passwd".as_ref(), "/proc/self/environ".as_ref(), "/".as_ref()]
            {
                assert_eq!(File::open(path).unwrap_err().kind(), PermissionDenied, "{}", path.display());
            }
            assert_eq!(File::create("/tmp/from-the-cage").unwrap_err().kind(), PermissionDenied);
            assert!(Command::new("/bin/true").status().is_err());
            assert!(TcpListener::bind("127.0.0.1:0").is_err(), "it listens");
            true
        });
        if !is_sealed.join().unwrap() {
            println!("this kernel has no Landlock: nothing was tested");
        }
    }

    /// connect(2) itself, past the worker's own: what a parser that was taken over would call.
    #[allow(unsafe_code)]
    fn connect(to: SocketAddr) -> std::io::Result<()> {
        let (socket, to) = (Socket::new(Domain::IPV4, Type::STREAM, None)?, SockAddr::from(to));
        // SAFETY: the address outlives the call and is as long as it says.
        match unsafe { libc::syscall(libc::SYS_connect, socket.as_raw_fd(), to.as_ptr(), to.len()) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    }

    #[test]
    fn only_the_cameras_port_can_be_reached_and_without_a_camera_none() {
        let [camera, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [camera, other] = [&camera, &other].map(|listener| listener.local_addr().unwrap());
        assert!(connect(camera).is_ok() && connect(other).is_ok());
        let barred = |port: Option<u16>| {
            std::thread::spawn(move || {
                super::bar_ports_but(port);
                [camera, other].map(|to| connect(to).map_err(|error| error.kind()))
            })
        };
        let outcome = barred(None).join().unwrap();
        if outcome == [Ok(()); 2] {
            println!("this kernel's Landlock knows no ports: nothing was tested");
            return;
        }
        assert_eq!(outcome, [Err(PermissionDenied); 2]);
        assert_eq!(barred(Some(camera.port())).join().unwrap(), [Ok(()), Err(PermissionDenied)]);
    }
}
