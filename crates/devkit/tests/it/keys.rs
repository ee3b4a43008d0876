//! Writes of administration under a key, on both stores and over a restart: done once, and the key stays bound.

use serde_json::json;

use crate::server::{Kind, Store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administration_under_a_key_is_done_once_and_the_key_outlives_the_process() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let store = Store::new(kind);
        let server = store.serve();
        let admin = server.administrator(&store.administrator);
        let officials = || store.number("SELECT count(*) FROM entity WHERE kind = 'official'");
        let tokens = || store.number("SELECT count(*) FROM lookup WHERE space = 'token'");
        let before = (officials(), tokens());
        let body = json!({"name": "Another"});
        let named = admin.post("/admin/officials", "k", &body).await;
        let official = named.expect(201)["id"].as_str().unwrap().to_owned();
        assert_eq!(admin.post("/admin/officials", "k", &body).await, named, "{kind:?}");
        let path = format!("/admin/officials/{official}/tokens");
        let body = json!({"title": "desk"});
        let issued = admin.post(&path, "t", &body).await.expect(201);
        assert!(issued["secret"].is_string(), "{issued}");
        server.process.stop();

        let server = store.serve();
        let admin = server.administrator(&store.administrator);
        let again = admin.post(&path, "t", &body).await.expect(201);
        assert_eq!(again, json!({"id": issued["id"], "shown_before": true}), "{kind:?}");
        let other = admin.post(&path, "t", &json!({"title": "other"})).await.expect(422);
        assert_eq!(other["code"], "key-reused");
        let reused = admin.post("/admin/officials", "k", &json!({"name": "Third"})).await.expect(422);
        assert_eq!(reused["code"], "key-reused");
        assert_eq!((officials(), tokens()), (before.0 + 1, before.1 + 1), "{kind:?}");
        server.process.stop();
        assert_eq!(store.faults(), Vec::<serde_json::Value>::new(), "{kind:?}");
    }
}
