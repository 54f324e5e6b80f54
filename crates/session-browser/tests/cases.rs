//! Each case once in Chromium. The other engines and repetitions: `cargo run -p session-browser -- --help`.

use std::cell::RefCell;
use std::time::Instant;

use session_browser::case::{CASES, Case};
use session_browser::engine::Engine;

#[tokio::test]
async fn every_case_once() {
    let left = RefCell::new(CASES.iter());
    let failures = RefCell::new(Vec::new());
    // Two at a time: each waits for its browser most of the time.
    tokio::join!(play(&left, &failures), play(&left, &failures));
    let failures = failures.into_inner();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

async fn play(left: &RefCell<std::slice::Iter<'_, Case>>, failures: &RefCell<Vec<String>>) {
    loop {
        let next = left.borrow_mut().next();
        let Some(case) = next else { return };
        let begun = Instant::now();
        if let Err(failure) = case.run(Engine::Chromium).await {
            failures.borrow_mut().push(format!("{}: {failure}", case.name));
        }
        println!("{}: {:.1} s", case.name, begun.elapsed().as_secs_f32());
    }
}
