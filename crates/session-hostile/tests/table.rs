//! The whole table: every answer as it must be, and no honest client sees an error.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_honest_client_sees_an_error() {
    let table = session_hostile::play("").await.unwrap();
    println!("{table}");
    assert!(table.is_clean(), "{table}");
}
