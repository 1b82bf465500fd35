//! The proxy on real sockets, with an echo behind it.

use super::*;
use crate::link_model::Stall;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

/// A server that sends back what it gets; its address.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address.to_string()
}

async fn through(line: Line) -> (TcpStream, ProxyCounters) {
    let proxy = Proxy::bind("127.0.0.1:0".parse().unwrap(), echo().await, line).unwrap();
    let address = proxy.local_addr().unwrap();
    let counters = proxy.counters();
    tokio::spawn(proxy.run());
    (TcpStream::connect(address).await.unwrap(), counters)
}

#[tokio::test]
async fn bytes_come_back_complete_in_order_and_late() {
    let mut line = Line::default();
    line.up.latency = Duration::from_millis(60);
    line.down.latency = Duration::from_millis(40);
    line.down.jitter = Duration::from_millis(20);
    line.down.stall = Stall {
        length: Duration::from_millis(30),
        odds: 0.05,
    };
    let (mut stream, counters) = through(line).await;
    let sent: Vec<u8> = (0..200_000u32).map(|i| ((i * 31) >> 3) as u8).collect();
    let began = Instant::now();
    let (mut read, mut write) = stream.split();
    let receive = async {
        let mut received = Vec::new();
        read.read_to_end(&mut received).await.unwrap();
        received
    };
    let send = async {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let (received, ()) = tokio::join!(receive, send);
    assert_eq!(received, sent);
    assert!(began.elapsed() >= Duration::from_millis(100));
    let report = counters.report();
    assert_eq!((report.up.bytes, report.down.bytes), (200_000, 200_000));
    assert!(report.down.stalls > 0);
}

#[tokio::test]
async fn a_narrow_line_pushes_back_and_keeps_its_buffer_bounded() {
    let mut line = Line::default();
    line.up.bandwidth = Some(1_000_000);
    line.buffer = Some(20_000);
    let (stream, counters) = through(line).await;
    let mut sent = 0;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(400) {
        match stream.try_write(&[0; 4_096]) {
            Ok(len) => sent += len,
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
    // 125 kB/s, and what the buffers of both kernels' ends hold.
    let passed = began.elapsed().as_secs_f64() * 125_000.0;
    assert!(counters.report().up.under_way_max < 20_000 + 1_448);
    assert!((counters.report().up.bytes as f64) < passed + 50_000.0);
    assert!(sent < 5_000_000, "{sent} bytes were taken");
}

#[tokio::test]
async fn a_cut_is_seen_by_the_client_and_a_half_open_line_is_silent() {
    let mut line = Line::default();
    line.outages.cuts_per_second = 50.0;
    let (mut stream, counters) = through(line.clone()).await;
    let mut byte = [0];
    // A reset; an end of the stream would do as well.
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut byte)).await;
    assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    assert_eq!(counters.report().cut, 1);

    line.outages = OutageSpec {
        cuts_per_second: 0.0,
        half_opens_per_second: 50.0,
    };
    let (mut stream, counters) = through(line).await;
    while counters.report().half_opened == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stream.write_all(b"hello").await.unwrap();
    let silence = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut byte)).await;
    assert!(silence.is_err(), "{silence:?}");
}
