//! `darkroom health`: asks the local server whether it is alive or ready.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use server::Config;

/// Exits with 0 when the local server answers.
#[derive(Debug, Args)]
pub(super) struct Health {
    /// Ask whether it is ready (database and storage), not only alive
    #[arg(long)]
    ready: bool,
}

/// Asks, within five seconds.
pub(super) fn run(health: &Health, config: &Config) -> anyhow::Result<ExitCode> {
    let path = if health.ready { "/readyz" } else { "/healthz" };
    let mut address = config.bind;
    if address.ip().is_unspecified() {
        address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port());
    }
    match ask(address, path) {
        Ok(head) if head.starts_with("HTTP/1.1 200") => Ok(ExitCode::SUCCESS),
        Ok(head) => {
            eprintln!("darkroom: {address}{path} answered {}", head.lines().next().unwrap_or("nothing"));
            Ok(ExitCode::from(1))
        }
        Err(error) => {
            eprintln!("darkroom: {address} does not answer: {error}");
            Ok(ExitCode::from(1))
        }
    }
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(65_536).read_to_string(&mut answer)?;
    Ok(answer)
}
