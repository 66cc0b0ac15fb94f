//! Every `events/control-*.json` is a request that the controller understands.

use super::*;

#[test]
fn every_action_has_a_fixture_that_is_read() {
    let events = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut names = Vec::new();
    for file in std::fs::read_dir(events).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if let Some(action) = name.strip_prefix("control-") {
            let request = Request::read(serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()).unwrap();
            assert_eq!((request.name(), request.migration()), (action, "orders"));
            if let Request::Preflight { plan, .. } = request {
                livemove_core::plan::Plan::from_value(plan).unwrap();
            }
            names.push(action.to_owned());
        }
    }
    names.sort();
    let all = [
        "advance",
        "approval",
        "arm",
        "begin",
        "certify",
        "failures",
        "health",
        "preflight",
        "redrive",
        "retreat",
        "seal",
        "status",
        "verified",
        "watch",
    ];
    assert_eq!(names, all);
}
