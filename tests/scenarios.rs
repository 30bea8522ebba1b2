//! docs/scenarios.md against the tests: each row names tests that exist or says why there is none, and each test that has a
//! row's number in its name stands in that row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const ROWS: std::ops::RangeInclusive<u32> = 1..=69;

/// Where tests are, and what they are written in.
const SUITES: [&str; 4] = ["tests", "bindings", "src", "fuzz"];
const ENDINGS: [&str; 8] = ["rs", "c", "cpp", "go", "rb", "py", "js", "sh"];

/// A test by its name in the source; the rows are in the name.
type Tests = BTreeMap<String, BTreeSet<u32>>;

#[test]
fn each_row_has_tests_or_a_reason_and_each_test_its_row() {
    let table = read_table();
    assert_eq!(table.keys().copied().collect::<Vec<_>>(), ROWS.collect::<Vec<_>>(), "the rows of docs/scenarios.md");
    let mut tests = Tests::new();
    for suite in SUITES {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(suite), &mut tests);
    }
    assert!(tests.len() > 60, "only {} tests were found", tests.len());

    let mut wrong = Vec::new();
    for (row, (named, text)) in &table {
        if named.is_empty() && !text.contains("Not tested: ") {
            wrong.push(format!("row {row} has neither a test nor a reason"));
        }
        for name in named {
            if !tests.get(name).is_some_and(|rows| rows.contains(row)) {
                wrong.push(format!("row {row}: there is no test {name}"));
            }
        }
    }
    for (name, rows) in &tests {
        for row in rows {
            if !table.get(row).is_some_and(|(named, _)| named.contains(name)) {
                wrong.push(format!("the test {name} is not in row {row}"));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/scenarios.md:\n{}", wrong.join("\n"));
}

/// By row: the names in backticks in its column of tests, and the whole line.
fn read_table() -> BTreeMap<u32, (BTreeSet<String>, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios.md");
    let page = std::fs::read_to_string(page).expect("docs/scenarios.md");
    let mut table = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(row) = cells.get(1).and_then(|cell| cell.parse().ok()) else { continue };
        let tests = cells.get(4).unwrap_or_else(|| panic!("row {row} has too few columns"));
        let names = tests.split('`').skip(1).step_by(2).filter(|name| !rows_of(name).is_empty()).map(str::to_owned);
        let before = table.insert(row, (names.collect(), line.to_owned()));
        assert!(before.is_none(), "row {row} stands twice");
    }
    table
}

fn collect(path: &PathBuf, tests: &mut Tests) {
    if path.is_dir() {
        if path.file_name().is_some_and(|name| name == "node_modules" || name == "target") {
            return;
        }
        let Ok(entries) = std::fs::read_dir(path) else { return };
        for entry in entries {
            collect(&entry.expect("an entry").path(), tests);
        }
    } else if path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending)) {
        if path.ends_with("tests/scenarios.rs") {
            return; // Its examples are no tests.
        }
        let source = std::fs::read_to_string(path).unwrap_or_default();
        for name in source.lines().filter_map(test_of) {
            let rows = rows_of(&name);
            tests.entry(name).or_default().extend(rows);
        }
    }
}

/// The name of the test that a line of source begins, where it has a row's number in it.
fn test_of(line: &str) -> Option<String> {
    let line = line.trim_start();
    let starts = ["fn ", "static void ", "def ", "async def ", "func ", "test('", "test(\"", "it('"];
    let rest = starts.iter().find_map(|start| line.strip_prefix(start))?;
    let end = if rest.starts_with('r') && line.contains('(') && line.starts_with(['t', 'i']) {
        rest.find(['\'', '"'])
    } else {
        rest.find(|c: char| !c.is_alphanumeric() && c != '_')
    };
    let name = &rest[..end.unwrap_or(rest.len())];
    (!rows_of(name).is_empty()).then(|| name.to_owned())
}

/// r07_..., r15_r17_..., test_r51_..., TestR69..., "r69 ...": the rows in a test's name.
fn rows_of(name: &str) -> BTreeSet<u32> {
    let name = name.strip_prefix("test_").or(name.strip_prefix("Test")).unwrap_or(name).to_lowercase();
    let mut rows = BTreeSet::new();
    let mut rest = name.as_str();
    while let Some(digits) = rest.strip_prefix('r').and_then(|rest| rest.get(..2)) {
        let Ok(row) = digits.parse() else { break };
        rows.insert(row);
        rest = rest[3..].trim_start_matches(['_', ' ']);
    }
    rows
}

#[test]
fn a_name_says_its_rows() {
    let rows = |name| rows_of(name).into_iter().collect::<Vec<_>>();
    assert_eq!(rows("r07_a_refusal"), [7]);
    assert_eq!(rows("r15_r17_half_open"), [15, 17]);
    assert_eq!(rows("test_r51_prefork"), [51]);
    assert_eq!(rows("TestR69Goroutines"), [69]);
    assert_eq!(rows("r69 a worker ends"), [69]);
    assert!(rows("read_back").is_empty() && rows("r2d2").is_empty());
    assert_eq!(test_of("    test('r69 a worker ends', async () => {").as_deref(), Some("r69 a worker ends"));
    assert_eq!(test_of("fn r07_a_refusal() {").as_deref(), Some("r07_a_refusal"));
    assert_eq!(test_of("static void r34_handles(void) {").as_deref(), Some("r34_handles"));
}
