//! The end of a server: new connections stay away, and those that have come are let in, before all ends.

use std::net::TcpListener;
use std::time::Duration;

use socket2::{SockFilter, SockRef};

/// For so long those who stand in the kernel's line are still let in, and those who go on asking on an old connection
/// are told that it ends.
const LAST_CALL: Duration = Duration::from_millis(250);

/// Lets nobody new come, and gives those who are here the time to be seen. A listener that is closed resets whoever
/// waits in its line; so the line is emptied first. Whoever knocks meanwhile is not heard: it knocks again after a
/// second, when another server may listen here, or none.
pub(crate) async fn last_call(listener: &TcpListener) {
    if let Err(error) = SockRef::from(listener).attach_filter(&deaf_to_new()) {
        tracing::debug!(%error, "new connections are heard until the end");
    }
    tokio::time::sleep(LAST_CALL).await;
}

/// A filter of the kernel for a listener's segments: one with SYN is dropped, all others pass.
fn deaf_to_new() -> [SockFilter; 5] {
    [
        // Load the byte of the flags, the 13th of a TCP header.
        SockFilter::new(0x30, 0, 0, 13),
        // Keep its SYN bit.
        SockFilter::new(0x54, 0, 0, 0x02),
        // Not set: on to the next line. Set: to the last.
        SockFilter::new(0x15, 0, 1, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
        SockFilter::new(0x06, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn whoever_stands_in_the_line_is_let_in_and_whoever_knocks_later_is_not_heard() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut early = TcpStream::connect(address).unwrap();
        last_call(&listener).await;
        let late = TcpStream::connect_timeout(&address, Duration::from_millis(50));
        assert_eq!(late.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        let (mut held, _) = listener.accept().unwrap();
        early.write_all(b"here").unwrap();
        let mut heard = [0; 4];
        held.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"here", "a connection of before goes on");
    }
}
