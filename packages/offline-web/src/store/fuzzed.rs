use super::{block::Block, flight::Flights, journal, lease::LeaseRow, meta::Tally, runs::Runs};
use crate::idb::{Plan, Request, Row};
use offline_protocol::joined;

/// A row's text in each of the places where it may stand; what comes behind the first NUL is the block that a row of the journal is about.
pub(crate) fn fuzzed(text: &str) {
    let (text, block) = text.split_once('\0').unwrap_or((text, ""));
    let row = |key: i64, text: &str| Row { key, text: text.to_owned(), size: 1 };
    if let Ok(mut block) = Block::of(&row(64, text)) {
        for (item, line) in block.iter_mut() {
            let read = item.take(line);
            assert!(
                read.is_ok_and(|command| command.seq == item.seq),
                "a command is read once and not twice"
            );
        }
    }
    for skipped in [0, 1, 100] {
        // Whatever it says: it comes from a damaged row.
        let _ = journal::entries(&row(-1, text), skipped, &[vec![row(64, block)]]);
    }
    let answer = vec![row(0, text)];
    let _ = (Flights::of(&answer), LeaseRow::of(&answer));
    if let Ok(tally) = Tally::of(&answer) {
        let mut plan = Plan::default();
        tally.put(&mut plan);
        let Some(Request::Text { text, .. }) = plan.0.pop() else { panic!("a tally is a text") };
        assert_eq!(Tally::of(&vec![row(0, &text)]).ok(), Some(tally));
    }
    if let Some(mut runs) = Runs::parse(text) {
        assert_eq!(Runs::parse(&joined![runs]), Some(runs.clone()));
        let _ = (runs.len(), runs.contains(7), runs.end_from(7));
        runs.add(7);
        runs.remove((3, 9));
    }
}
