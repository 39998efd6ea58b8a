//! The worker's only door to the network: it connects to its camera and to nobody else.
//!
//! FFmpeg follows redirects of HTTP and RTSP, and (up to 7.0 at least) has no switch for it. So the system's
//! functions that it calls are ours: the names of this program come before those of its libraries. The address
//! that FFmpeg is given stays as the user wrote it, so that requests, TLS and passwords are as the camera
//! expects them; its host is found where `doorstep` found it, and everything else is refused.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{addrinfo, sockaddr, socklen_t, ssize_t};

use doorstep::media::Destination;

static DESTINATION: OnceLock<Destination> = OnceLock::new();
static REFUSED: AtomicBool = AtomicBool::new(false);

/// From now on this is the one place to go; the first one stays.
pub fn open(destination: Destination) {
    DESTINATION.get_or_init(|| destination);
}

/// Begins anew to notice what is refused.
pub fn forget_refusals() {
    REFUSED.store(false, Ordering::Relaxed);
}

/// True if somewhere else was refused.
pub fn was_refused() -> bool {
    REFUSED.load(Ordering::Relaxed)
}

/// True if FFmpeg's calls come here. If the way in which this program was linked has changed that, it
/// must not touch the network at all.
#[allow(unsafe_code)]
pub fn is_guarded() -> bool {
    let names = [
        (c"connect", connect as *const () as usize),
        (c"sendto", sendto as *const () as usize),
        (c"getaddrinfo", getaddrinfo as *const () as usize),
    ];
    // SAFETY: looks names up; nothing is called.
    names.iter().all(|(name, own)| unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) } as usize == *own)
}

/// Streams go to the camera's port, packets to any of its ports: it names those itself.
fn is_allowed(to: Option<(IpAddr, u16)>, is_stream: bool) -> bool {
    let allowed = match (DESTINATION.get(), to) {
        (Some(destination), Some((ip, port))) => {
            ip == destination.ip() && (!is_stream || port == destination.address().port())
        }
        _ => false,
    };
    REFUSED.fetch_or(!allowed, Ordering::Relaxed);
    allowed
}

/// The address that a caller means; `None` for families other than IP.
///
/// # Safety
/// `to` must point to `length` bytes.
#[allow(unsafe_code)]
unsafe fn ip_and_port(to: *const sockaddr, length: socklen_t) -> Option<(IpAddr, u16)> {
    let holds = |size: usize| usize::try_from(length).is_ok_and(|length| length >= size);
    if to.is_null() || !holds(size_of::<sockaddr>()) {
        return None;
    }
    // SAFETY: it is long enough for what is read of it, as just checked; alignment is not relied upon.
    unsafe {
        match c_int::from(to.cast::<libc::sa_family_t>().read_unaligned()) {
            libc::AF_INET => {
                let to = to.cast::<libc::sockaddr_in>().read_unaligned();
                let ip = Ipv4Addr::from(u32::from_be(to.sin_addr.s_addr));
                Some((ip.into(), u16::from_be(to.sin_port)))
            }
            libc::AF_INET6 if holds(size_of::<libc::sockaddr_in6>()) => {
                let to = to.cast::<libc::sockaddr_in6>().read_unaligned();
                let ip = IpAddr::V6(Ipv6Addr::from(to.sin6_addr.s6_addr)).to_canonical();
                Some((ip, u16::from_be(to.sin6_port)))
            }
            _ => None,
        }
    }
}

#[allow(unsafe_code)]
fn is_stream(fd: c_int) -> bool {
    let mut kind: c_int = 0;
    let mut length = size_of::<c_int>() as socklen_t;
    // SAFETY: both pointers are to locals of the size that is told.
    let asked = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_TYPE,
            (&raw mut kind).cast::<c_void>(),
            &raw mut length,
        )
    };
    asked != 0 || kind != libc::SOCK_DGRAM
}

#[allow(unsafe_code)]
fn refuse() -> c_int {
    // SAFETY: the calling thread's own errno.
    unsafe { *libc::__errno_location() = libc::EACCES };
    -1
}

/// connect(2), to the camera only.
///
/// # Safety
/// As the system's.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
unsafe extern "C" fn connect(fd: c_int, to: *const sockaddr, length: socklen_t) -> c_int {
    // SAFETY: the caller's pointer and length are passed on as they are.
    unsafe {
        if is_allowed(ip_and_port(to, length), is_stream(fd)) {
            libc::syscall(libc::SYS_connect, fd, to, length) as c_int
        } else {
            refuse()
        }
    }
}

/// sendto(2), to the camera only.
///
/// # Safety
/// As the system's.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
unsafe extern "C" fn sendto(
    fd: c_int,
    data: *const c_void,
    size: usize,
    flags: c_int,
    to: *const sockaddr,
    length: socklen_t,
) -> ssize_t {
    // SAFETY: the caller's pointers and lengths are passed on as they are.
    unsafe {
        if to.is_null() || is_allowed(ip_and_port(to, length), is_stream(fd)) {
            libc::syscall(libc::SYS_sendto, fd, data, size, flags, to, length) as ssize_t
        } else {
            refuse() as ssize_t
        }
    }
}

type GetAddrInfo =
    unsafe extern "C" fn(*const c_char, *const c_char, *const addrinfo, *mut *mut addrinfo) -> c_int;

/// getaddrinfo(3) that knows the camera's name and numbers, and asks nobody.
///
/// # Safety
/// As the system's.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    host: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    found: *mut *mut addrinfo,
) -> c_int {
    // SAFETY: the name is the system's own; so is the type of what it names. The caller's pointers are
    // passed on, but for the host, which lives until the call is over, and the hints, a copy.
    unsafe {
        let system = libc::dlsym(libc::RTLD_NEXT, c"getaddrinfo".as_ptr());
        if system.is_null() {
            return libc::EAI_FAIL;
        }
        let system = std::mem::transmute::<*mut c_void, GetAddrInfo>(system);
        let mut hints = if hints.is_null() { std::mem::zeroed::<addrinfo>() } else { hints.read() };
        let by_number = hints.ai_flags & libc::AI_NUMERICHOST != 0;
        hints.ai_flags |= libc::AI_NUMERICHOST;
        let ip = DESTINATION.get().filter(|destination| {
            let is_host =
                |name: &CStr| name.to_bytes().eq_ignore_ascii_case(destination.address().host().as_bytes());
            !by_number && !host.is_null() && is_host(CStr::from_ptr(host))
        });
        let ip = ip.and_then(|destination| std::ffi::CString::new(destination.ip().to_string()).ok());
        let node = ip.as_ref().map_or(host, |ip| ip.as_ptr());
        let error = system(node, service, &raw const hints, found);
        // A question whether this is a number is no try to go somewhere.
        REFUSED.fetch_or(error == libc::EAI_NONAME && !by_number, Ordering::Relaxed);
        error
    }
}
