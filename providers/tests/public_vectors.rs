//! Public signed messages in real formats, through the functions that the edge uses.
//!
//! The vectors are other people's and are not part of this repository. `PAYSTATE_VECTORS` names their
//! folder; the default is `shared/vectors` beside the workspace. Without the folder the test says so and
//! passes. With it every file of the four platforms must be run or be skipped for a stated reason.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

mod vectors {
    pub(crate) mod alipay;
    pub(crate) mod alipay_calls;
    pub(crate) mod stripe;
    pub(crate) mod support;
    pub(crate) mod unionpay;
    pub(crate) mod wechat;
}

use vectors::support::Verdict;

type Run = fn(&str, &Value, &Path) -> Verdict;

const FOLDERS: [(&str, Run); 4] = [
    ("alipay", vectors::alipay::run),
    ("wechat", vectors::wechat::run),
    ("unionpay", vectors::unionpay::run),
    ("stripe", vectors::stripe::run),
];

#[test]
fn every_public_vector_is_judged_as_expected() {
    let root = root();
    if !root.is_dir() {
        println!("skipped: no public vectors at {}", root.display());
        return;
    }
    let mut wrong = Vec::new();
    let (mut ran, mut skipped) = (0, 0);
    for (folder, run) in FOLDERS {
        for (name, vector) in files(&root.join(folder)) {
            let (word, detail) = match run(&name, &vector, &root) {
                Verdict::Ran(detail) => ("ok", detail),
                Verdict::Skipped(reason) => ("skipped", reason.to_owned()),
                Verdict::Wrong(detail) => ("WRONG", detail),
            };
            println!("{word:8} {folder}/{name:55} {detail}");
            match word {
                "ok" => ran += 1,
                "skipped" => skipped += 1,
                _ => wrong.push(format!("{folder}/{name}: {detail}")),
            }
        }
    }
    println!("{ran} as expected, {skipped} skipped, {} wrong", wrong.len());
    assert!(ran > 0, "the folder holds no vectors");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn root() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    std::env::var_os("PAYSTATE_VECTORS").map_or_else(default, PathBuf::from)
}

fn files(folder: &Path) -> Vec<(String, Value)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".json"));
    names.sort();
    names.into_iter().map(|name| (name.clone(), vectors::support::read(&folder.join(name)))).collect()
}
