//! Asking over plain HTTP, as orchestrators and Prometheus do.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What stands at a path of `HOST:PORT`; an error with all that was said unless the answer is 200.
pub async fn get(host: &str, path: &str) -> io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect(host).await?;
    connection.write_all(format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    if !answer.starts_with(b"HTTP/1.0 200") {
        return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
    }
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |end| end + 4);
    Ok(answer.split_off(body))
}
