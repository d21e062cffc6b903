//! The order of a module's functions: gzip looks back 32 KB, so functions that are alike are put close together.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use crate::failure::{Outcome, file_failure};
use crate::process::Tool;
use crate::repository::Repository;

/// How many instructions in a row count as one feature of a function.
const IN_A_ROW: usize = 6;

/// Gives the module's functions their order, by way of its text form.
pub(crate) fn order(repository: &Repository, module: &Path, features: &str) -> Outcome {
    let text = module.with_extension("wat");
    let binaryen = |name: &str| {
        let tool = Tool::new(repository.root.join("node_modules/.bin").join(name), &repository.root);
        tool.args(features)
    };
    binaryen("wasm-dis").arg(module).arg("-o").arg(&text).run()?;
    let source = std::fs::read_to_string(&text).map_err(|error| file_failure("read", &text, &error))?;
    std::fs::write(&text, ordered(&source)).map_err(|error| file_failure("write", &text, &error))?;
    binaryen("wasm-as").arg(&text).arg("-o").arg(module).run()?;
    std::fs::remove_file(&text).map_err(|error| file_failure("remove", &text, &error))
}

/// The same module with its functions in another order; all else keeps its place.
fn ordered(source: &str) -> String {
    let (mut before, mut functions, mut behind) = (String::new(), Vec::<String>::new(), String::new());
    let mut inside = false;
    for line in source.split_inclusive('\n') {
        let begins = line.starts_with(" (func ");
        if begins {
            functions.push(String::new());
        }
        match functions.last_mut() {
            Some(function) if begins || inside => {
                function.push_str(line);
                // A function without a body is one line; all others end with a parenthesis in the place where they began.
                let is_whole = line.matches('(').count() == line.matches(')').count();
                inside = if begins { !is_whole } else { line != " )\n" };
            }
            Some(_) => behind.push_str(line),
            None => before.push_str(line),
        }
    }
    let features: Vec<HashSet<u64>> = functions.iter().map(|function| features(function)).collect();
    for index in by_likeness(&features) {
        before.push_str(&functions[index]);
    }
    before + &behind
}

/// The runs of instructions that a function has, whatever they refer to.
fn features(function: &str) -> HashSet<u64> {
    let instruction = |line: &str| {
        let mut hasher = DefaultHasher::new();
        line.split_whitespace().filter(|word| !word.starts_with('$')).for_each(|word| word.hash(&mut hasher));
        hasher.finish()
    };
    let instructions: Vec<u64> = function.lines().skip(1).map(instruction).collect();
    let run = |run: &[u64]| {
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        hasher.finish()
    };
    instructions.windows(IN_A_ROW).map(run).collect()
}

/// Begins with the one that has most, and goes on with the one most like the last; of equals the first comes first.
fn by_likeness(features: &[HashSet<u64>]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..features.len()).collect();
    left.sort_by_key(|index| std::cmp::Reverse(features[*index].len()));
    let mut order: Vec<usize> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let next = match order.last() {
            None => 0,
            Some(last) => most_alike(&features[*last], &left, features),
        };
        order.push(left.remove(next));
    }
    order
}

fn most_alike(last: &HashSet<u64>, left: &[usize], features: &[HashSet<u64>]) -> usize {
    let (mut best, mut place) = (-1.0, 0);
    for (index, candidate) in left.iter().enumerate() {
        let other = &features[*candidate];
        let (fewer, more) = if last.len() < other.len() { (last, other) } else { (other, last) };
        // Not more than this can be in common: most candidates need no closer look.
        if (fewer.len() + 1) as f64 / (more.len() + 1) as f64 <= best {
            continue;
        }
        let common = fewer.iter().filter(|feature| more.contains(feature)).count();
        let likeness = (common + 1) as f64 / (fewer.len() + more.len() - common + 1) as f64;
        if likeness > best {
            (best, place) = (likeness, index);
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = " (func $0 (type $2)\n  y\n  z\n  a\n  b\n  c\n  d\n  e\n  f\n )\n";
    const OTHER: &str = " (func $1\n  (v\n   w\n  )\n  x\n  x\n )\n";
    const EMPTY: &str = " (func $2 (type $1))\n";
    const LIKE_LONG: &str = " (func $3\n  y\n  z\n  a\n  b\n  c\n  d $9\n  e\n )\n";

    #[test]
    fn what_is_alike_stands_together_and_nothing_is_lost() {
        let source =
            format!("(module\n (import \"a\" (func $i))\n{EMPTY}{LIKE_LONG}{OTHER}{LONG} ;; end\n)\n");
        let wanted =
            format!("(module\n (import \"a\" (func $i))\n{LONG}{LIKE_LONG}{EMPTY}{OTHER} ;; end\n)\n");
        let got = ordered(&source);
        assert_eq!(got.find(LIKE_LONG), Some(wanted.find(LIKE_LONG).unwrap()), "{got}");
        let lines = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&got), lines(&source));
        assert!(got.starts_with("(module\n (import") && got.ends_with(" ;; end\n)\n"));
        assert_eq!(ordered(&got), got, "an order that stands is kept");
    }

    #[test]
    fn a_module_without_functions_stays_as_it_is() {
        assert_eq!(ordered("(module\n)\n"), "(module\n)\n");
    }
}
