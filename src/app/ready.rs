//! Tells the system's service manager that the house is up, in the way that systemd takes it (`sd_notify(3)`).

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Environment variable with the socket of a service manager that waits.
pub const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";

/// Says `READY=1` to the socket that [`SOCKET_VARIABLE`] named: a path, or a name that begins with `@`.
///
/// # Errors
/// When nobody listens there.
pub fn tell(socket: &OsStr) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address).map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn heard(waiting: &UnixDatagram) -> String {
        let mut text = [0; 64];
        let size = waiting.recv(&mut text).unwrap();
        String::from_utf8(text[..size].to_vec()).unwrap()
    }

    #[test]
    fn whoever_waits_at_a_path_or_an_abstract_name_is_told_and_nobody_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let waiting = UnixDatagram::bind(&path).unwrap();
        tell(path.as_os_str()).unwrap();
        assert_eq!(heard(&waiting), "READY=1");

        let name = format!("doorstep-{}", uuid::Uuid::new_v4());
        let waiting = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        tell(format!("@{name}").as_ref()).unwrap();
        assert_eq!(heard(&waiting), "READY=1");
        drop(waiting);
        assert!(tell(format!("@{name}").as_ref()).is_err());
    }
}
