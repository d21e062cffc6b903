//! The order of a module's functions: gzip looks back 32 KB, so each function is put behind those that have most of it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use crate::failure::{Outcome, file_failure};
use crate::process::Tool;
use crate::repository::Repository;
use crate::wasm::gzipped_size;

/// How many instructions in a row count as one feature of a function.
const IN_A_ROW: usize = 3;

/// What is tried: how many instructions gzip sees when it looks back (they have a little over two bytes each), and with which of the longest functions
/// the order begins. Which is best depends on little things; the smallest module is taken.
const TRIED: [(usize, usize); 6] =
    [(14_000, 0), (14_000, 1), (14_000, 2), (17_000, 0), (17_000, 1), (17_000, 2)];

/// Gives the module's functions their order, by way of its text form.
pub(crate) fn order(repository: &Repository, module: &Path, features: &str) -> Outcome {
    let text = module.with_extension("wat");
    let binaryen = |name: &str| {
        let tool = Tool::new(repository.root.join("node_modules/.bin").join(name), &repository.root);
        tool.args(features)
    };
    binaryen("wasm-dis").arg(module).arg("-o").arg(&text).run()?;
    let source = std::fs::read_to_string(&text).map_err(|error| file_failure("read", &text, &error))?;
    let tried = module.with_extension("tried");
    let mut best = u64::MAX;
    for terms in TRIED {
        std::fs::write(&text, ordered(&source, terms))
            .map_err(|error| file_failure("write", &text, &error))?;
        binaryen("wasm-as").arg(&text).arg("-o").arg(&tried).run()?;
        let size = gzipped_size(repository, &tried)?;
        if size < best {
            best = size;
            std::fs::rename(&tried, module).map_err(|error| file_failure("rename", &tried, &error))?;
        }
    }
    for scratch in [&text, &tried].into_iter().filter(|file| file.exists()) {
        std::fs::remove_file(scratch).map_err(|error| file_failure("remove", scratch, &error))?;
    }
    Ok(())
}

/// The same module with its functions in another order; all else keeps its place.
fn ordered(source: &str, terms: (usize, usize)) -> String {
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
    let contents: Vec<Function> = functions.iter().map(|text| Function::of(text)).collect();
    for index in by_likeness(&contents, terms) {
        before.push_str(&functions[index]);
    }
    before + &behind
}

/// What a function is made of.
struct Function {
    instructions: usize,
    /// The runs of instructions that it has.
    features: HashSet<u64>,
}

impl Function {
    fn of(text: &str) -> Self {
        // The names of blocks are no part of the module.
        let is_block = |word: &&str| word.starts_with("$block") || word.starts_with("$label");
        let instruction = |line: &str| {
            let mut hasher = DefaultHasher::new();
            line.split_whitespace().filter(|word| !is_block(word)).for_each(|word| word.hash(&mut hasher));
            hasher.finish()
        };
        let lines = text.lines().skip(1).filter(|line| line.trim() != ")");
        let instructions: Vec<u64> = lines.map(instruction).collect();
        let feature = |run: &[u64]| {
            let mut hasher = DefaultHasher::new();
            run.hash(&mut hasher);
            hasher.finish()
        };
        let features = instructions.windows(IN_A_ROW).map(feature).collect();
        Self { instructions: instructions.len(), features }
    }
}

/// Begins with one of the longest, and goes on with the one of which the greatest part is in sight; of equals the longer one comes first.
fn by_likeness(functions: &[Function], (in_sight, beginning): (usize, usize)) -> Vec<usize> {
    let mut left: Vec<usize> = (0..functions.len()).collect();
    left.sort_by_key(|index| std::cmp::Reverse(functions[*index].instructions));
    let mut sight = Sight::of(functions, in_sight);
    let mut order: Vec<usize> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let part =
            |index: usize| (sight.known[index] as f64 + 0.5) / (functions[index].features.len() as f64 + 1.0);
        // At the beginning nothing is in sight.
        let (mut best, mut place) = (-1.0, beginning.min(left.len() - 1));
        for (candidate, index) in left.iter().enumerate().filter(|_| !order.is_empty()) {
            if part(*index) > best {
                (best, place) = (part(*index), candidate);
            }
        }
        let next = left.remove(place);
        sight.add(next);
        order.push(next);
    }
    order
}

/// What gzip sees when it looks back.
struct Sight<'a> {
    functions: &'a [Function],
    /// Which functions have a feature.
    owners: HashMap<u64, Vec<usize>>,
    latest: VecDeque<usize>,
    in_sight: usize,
    instructions: usize,
    /// How often a feature is in sight.
    seen: HashMap<u64, usize>,
    /// How many of each function's features are.
    known: Vec<usize>,
}

impl<'a> Sight<'a> {
    fn of(functions: &'a [Function], in_sight: usize) -> Self {
        let mut owners: HashMap<u64, Vec<usize>> = HashMap::new();
        for (index, function) in functions.iter().enumerate() {
            function.features.iter().for_each(|feature| owners.entry(*feature).or_default().push(index));
        }
        let (latest, seen, known) = (VecDeque::new(), HashMap::new(), vec![0; functions.len()]);
        Self { functions, owners, latest, in_sight, instructions: 0, seen, known }
    }

    fn add(&mut self, index: usize) {
        self.latest.push_back(index);
        self.instructions += self.functions[index].instructions;
        for feature in &self.functions[index].features {
            let times = self.seen.entry(*feature).or_default();
            *times += 1;
            if *times == 1 {
                self.owners[feature].iter().for_each(|owner| self.known[*owner] += 1);
            }
        }
        while self.instructions > self.in_sight && self.latest.len() > 1 {
            self.forget();
        }
    }

    fn forget(&mut self) {
        let Some(index) = self.latest.pop_front() else { return };
        self.instructions -= self.functions[index].instructions;
        for feature in &self.functions[index].features {
            let times = self.seen.entry(*feature).or_default();
            *times -= 1;
            if *times == 0 {
                self.owners[feature].iter().for_each(|owner| self.known[*owner] -= 1);
            }
        }
    }
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
        let got = ordered(&source, TRIED[0]);
        assert_eq!(got.find(LIKE_LONG), Some(wanted.find(LIKE_LONG).unwrap()), "{got}");
        let lines = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&got), lines(&source));
        assert!(got.starts_with("(module\n (import") && got.ends_with(" ;; end\n)\n"));
        assert_eq!(ordered(&got, TRIED[0]), got, "an order that stands is kept");
    }

    #[test]
    fn a_module_without_functions_stays_as_it_is() {
        assert_eq!(ordered("(module\n)\n", TRIED[0]), "(module\n)\n");
    }
}
