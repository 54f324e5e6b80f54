//! A Cluster whose slots move.

use session_testbed::redis::cluster::{RedisCluster, SLOTS};

#[tokio::test]
async fn a_slot_moves_with_its_keys_and_back() {
    let cluster = RedisCluster::start().await.unwrap();
    assert_eq!(cluster.node_urls().len(), 3);
    for (slot, owner) in [(0, 0), (5460, 0), (5461, 1), (10922, 1), (10923, 2), (SLOTS - 1, 2)] {
        assert_eq!(cluster.owner_of(slot).await.unwrap(), owner);
    }
    cluster.owner_of(SLOTS).await.unwrap_err();
    let slot = cluster.slot_of("{x}").await.unwrap();
    let first = cluster.owner_of(slot).await.unwrap();
    let nodes = cluster.nodes();
    // More than one batch.
    for number in 0..250 {
        nodes[first]
            .command(&["SET", &format!("{{x}}{number}"), &number.to_string()])
            .await
            .unwrap();
    }
    let second = (first + 1) % 3;
    for to in [second, first] {
        let from = cluster.owner_of(slot).await.unwrap();
        cluster.move_slot(slot, to).await.unwrap();
        assert_eq!(cluster.owner_of(slot).await.unwrap(), to);
        for number in 0..250 {
            let key = format!("{{x}}{number}");
            let value: u64 = nodes[to].ask(&["GET", &key]).await.unwrap();
            assert_eq!(value, number);
        }
        let moved = nodes[from].command(&["GET", "{x}0"]).await.unwrap_err();
        assert!(moved.to_string().contains("Moved"), "{moved}");
        assert_eq!(nodes[from].ask::<u64>(&["DBSIZE"]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn half_a_move_answers_ask() {
    let cluster = RedisCluster::start().await.unwrap();
    let slot = cluster.slot_of("{x}").await.unwrap();
    let nodes = cluster.nodes();
    let owner = cluster.owner_of(slot).await.unwrap();
    let to = (owner + 1) % 3;
    nodes[owner].command(&["SET", "{x}old", "1"]).await.unwrap();
    let from = cluster.begin_move(slot, to).await.unwrap();
    assert_eq!(from, owner);
    assert_eq!(nodes[from].ask::<u64>(&["GET", "{x}old"]).await.unwrap(), 1);
    let asks = nodes[from].command(&["SET", "{x}new", "1"]).await.unwrap_err();
    assert!(asks.to_string().contains("Ask"), "{asks}");
    assert_eq!(cluster.move_keys(slot, from, to).await.unwrap(), 1);
    assert_eq!(cluster.move_keys(slot, from, to).await.unwrap(), 0);
    let asks = nodes[from].command(&["GET", "{x}old"]).await.unwrap_err();
    assert!(asks.to_string().contains("Ask"), "{asks}");
    cluster.finish_move(slot, from, to).await.unwrap();
    assert_eq!(nodes[to].ask::<u64>(&["GET", "{x}old"]).await.unwrap(), 1);
}
