//! The checked-in generated code is what the proto files say.

use std::{fs, path::Path};

use prost::Message as _;

#[test]
fn generated_code_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = fs::read_dir(root.join("paystate/v1"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "proto"))
        .collect();
    files.sort();

    let descriptors = protox::compile(&files, [root]).unwrap();
    let out = tempfile::tempdir().unwrap();
    tonic_prost_build::configure().out_dir(out.path()).compile_fds(descriptors.clone()).unwrap();

    let fresh = [
        ("paystate.v1.rs", fs::read(out.path().join("paystate.v1.rs")).unwrap()),
        ("paystate.v1.binpb", descriptors.encode_to_vec()),
    ];
    for (name, bytes) in fresh {
        let checked_in = root.join("src/gen").join(name);
        if std::env::var_os("PAYSTATE_UPDATE").is_some() {
            fs::write(&checked_in, &bytes).unwrap();
        }
        assert!(
            fs::read(&checked_in).unwrap_or_default() == bytes,
            "{name} differs from the proto files: run PAYSTATE_UPDATE=1 cargo test -p paystate-proto"
        );
    }
}
