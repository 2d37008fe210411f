//! The whole story, in the embedded world, on virtual time.

#![allow(clippy::expect_used)]

use demo::{DemoError, Outcome, Screen, world::embedded::Embedded};
use std::{
    io,
    sync::{Arc, Mutex},
};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("is not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn played() -> (Result<Outcome, DemoError>, String) {
    let paper = Paper::default();
    let mut screen = Screen::new(Box::new(paper.clone()), false);
    let runtime = sim::simulation::runtime().expect("a runtime");
    let outcome = runtime.block_on(async {
        let mut world = Embedded::in_process()?;
        demo::play(&mut world, &mut screen).await
    });
    let printed = String::from_utf8(paper.0.lock().expect("is not poisoned").clone()).expect("is text");
    (outcome, printed)
}

#[test]
fn the_story_is_played_to_its_end() {
    let (outcome, printed) = played();
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert!(outcome.is_good(), "{outcome:?}\n{printed}");
    assert!(outcome.own_errors > 0, "v3 failed requests\n{printed}");
    assert!(outcome.reactions.len() >= 3, "weights waited for pods: {:?}\n{printed}", outcome.reactions);
    for text in
        ["success-rate measured", "wanted result[0] >= 0.95", "kubectl leadline promote web", "What to try next"]
    {
        assert!(printed.contains(text), "{text:?} is missing:\n{printed}");
    }
    let lines = printed.lines().count();
    assert!((40..=160).contains(&lines), "{lines} lines:\n{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 150), "{printed}");
}
