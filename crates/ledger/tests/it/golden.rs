//! Bytes that must never change. Each was computed by a second implementation (Python's `hashlib` and `base64`, and the
//! Ed25519 arithmetic of RFC 8032) from the formats as documented. A test that fails here means a broken
//! archive: make a new format with a new prefix instead.

use qadiya_ledger::{
    Hash, Value, canonical,
    chain::event_hash,
    checkpoint::Checkpoint,
    commitment::{Salt, commit},
    key::{Ed25519Signer, Signer},
    note::{KeyId, Origin, SignedNote, verifier_key},
    receipt::{SealedBatch, receipt_text},
    tree,
};

fn log() -> (Origin, Ed25519Signer) {
    (Origin::new("court.example/log").unwrap(), Ed25519Signer::from_seed(&[7; 32]))
}

fn events() -> [Hash; 3] {
    [Hash::of(b"a"), Hash::of(b"b"), Hash::of(b"c")]
}

#[test]
fn the_hash_of_an_event() {
    let event = Value::map([
        ("stream", Value::from("case/1")),
        ("seq", Value::from(1)),
        ("prev", Value::from(Hash::ZERO.to_string())),
        ("kind", Value::from("received")),
    ]);
    let bytes = canonical::to_bytes(&event);
    assert_eq!(
        String::from_utf8(bytes.clone()).unwrap(),
        format!(r#"{{"kind":"received","prev":"{}","seq":1,"stream":"case/1"}}"#, "0".repeat(64))
    );
    assert_eq!(
        event_hash(&bytes).to_string(),
        "42c5bd45be29e4e1521bb71bc63398ac587dd781654bf129fe4f0a05c177d3b9"
    );
}

#[test]
fn a_commitment() {
    let mut salt = [0; 32];
    (0..).zip(&mut salt).for_each(|(number, byte)| *byte = number);
    let salt = Salt::from_bytes(salt);
    assert_eq!(
        commit(&salt, "person.name", &Value::from("محمد \"أ\"")).to_string(),
        "67c4b9c728ee977703cab9e9957815b6fb2ec8f7b54244cd421a0d1ab4a3a820"
    );
    let birth = Value::map([("year", Value::from(1990)), ("day", Value::from(3))]);
    assert_eq!(
        commit(&salt, "birth", &birth).to_string(),
        "922761282862b31c1a93739ac051e3f9a9b2747b4686efbf379057b873caf627"
    );
}

#[test]
fn the_root_of_no_leaves() {
    assert_eq!(
        tree::root(&[]).to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn keys_and_their_labels() {
    let (origin, signer) = log();
    let key = signer.public_key();
    assert_eq!(key.to_string(), "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c");
    assert_eq!(KeyId::of(&origin, &key).to_string(), "737b9f1a");
    assert_eq!(
        verifier_key(&origin, &key),
        "court.example/log+737b9f1a+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
    );
}

#[test]
fn a_receipt() {
    let (origin, signer) = log();
    let batch = SealedBatch::seal(&signer, &origin, &events());
    assert_eq!(
        receipt_text(&origin, batch.size, &batch.root),
        "qadiya/receipt/v1\ncourt.example/log\n3\nysPUSNTiCirV6uH1AOY8Kn+SF80UVyun/SLibcHsJkg=\n"
    );
    let receipt = batch.receipt_for(&events(), 2).unwrap();
    assert_eq!(
        String::from_utf8(canonical::encode(&receipt).unwrap()).unwrap(),
        "{\"index\":2,\"key_id\":\"737b9f1a\",\"origin\":\"court.example/log\",\
         \"path\":[\"ad5ca6cddc0b27c6a83e332bf28011769236e6c6a1f786ebf7b5267b37a5bd22\"],\
         \"signature\":\"b91566fa1a26fc9e4e6448ee372bd25183443bd7dc535cc56df5de053e5f07c8\
         cec81cc7eaa891ef2a0acf017090104dfd6d069ba48734b40bf8829b46f50a05\",\"size\":3}"
    );
}

#[test]
fn a_checkpoint() {
    let (origin, signer) = log();
    let leaves: Vec<Hash> = events().iter().map(|event| tree::leaf_hash(event.as_bytes())).collect();
    let checkpoint = Checkpoint { origin: origin.clone(), size: 3, root: tree::root(&leaves) };
    let note = "court.example/log\n3\nysPUSNTiCirV6uH1AOY8Kn+SF80UVyun/SLibcHsJkg=\n\n\
        — court.example/log c3ufGryYheNIvOGRJGRToqiSyhAgQdpxhlYTwmflKL9qBXE3jQvUOJOk3KyCej79sjJFb50bAe0L7B7d/2mptPLzkAs=\n";
    assert_eq!(checkpoint.sign(&signer).unwrap().to_string(), note);
    let read: SignedNote = note.parse().unwrap();
    assert_eq!(Checkpoint::open(&read, &origin, &signer.public_key()), Ok(checkpoint));
}
