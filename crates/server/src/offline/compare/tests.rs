//! What `patchloop compare` prints and how it exits.

use std::io::{self, BufReader, Read};

use super::{LINE_BYTES_MAX, run};

struct Ran {
    code: u8,
    output: String,
    errors: String,
}

fn ran(scheme: &str, pair: Option<(&str, &str)>, input: &[u8], chunk_bytes: usize) -> Ran {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let pair = pair.map(|(a, b)| (a.to_owned(), b.to_owned()));
    let mut input = BufReader::with_capacity(chunk_bytes, input);
    let code = run(scheme, pair, &mut input, &mut output, &mut errors).unwrap();
    Ran {
        code,
        output: String::from_utf8(output).unwrap(),
        errors: String::from_utf8(errors).unwrap(),
    }
}

fn answers(scheme: &str, input: &[u8]) -> String {
    let ran = ran(scheme, None, input, 8 * 1024);
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    ran.output
}

#[test]
fn answers_a_pair_with_one_line() {
    for (scheme, a, b, wanted) in [
        ("deb", "7.88.1-10+deb12u5", "7.88.1-10+deb12u14", "-1\n"),
        ("rpm", "1:1-1", "2-1", "1\n"),
        ("apk", "5.1p1-r0", "5.1p1-r1", "-1\n"),
        ("pacman", "1.0-1", "1.0", "0\n"),
        ("semver", "1.0.0-rc.1", "1.0.0", "-1\n"),
        ("windows", "10.0.20348.2227", "10.0.20348.10000", "-1\n"),
        ("winget", "Version 1.0", "v1.0.0", "0\n"),
    ] {
        let ran = ran(scheme, Some((a, b)), b"", 16);
        assert_eq!(
            (ran.code, ran.output.as_str(), ran.errors.as_str()),
            (0, wanted, "")
        );
    }
}

#[test]
fn a_refused_version_is_an_answer() {
    let ran = ran("deb", Some(("1", "x:1")), b"", 16);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.output, "invalid: x:1: the epoch is not a number\n");
    assert_eq!(
        answers("semver", b"1.2\t1.2.3\n1.0.0\t1.0.1\n"),
        "invalid: 1.2: it has 2 parts instead of 3\n-1\n"
    );
}

#[test]
fn splits_at_tabs_only_and_ignores_further_columns() {
    assert_eq!(answers("winget", b"Version 1 . 0\t1.0\t5 \tx\n"), "0\n");
    assert_eq!(answers("deb", b"1\t2\t-1\n"), "-1\n");
    // Both fields may be empty: to dpkg that is "no version".
    assert_eq!(answers("deb", b"\t1\n1\t\n"), "-1\n1\n");
}

#[test]
fn skips_empty_lines_and_comments_without_output() {
    assert_eq!(answers("deb", b"# a\tb\n\n1\t2\n\r\n#\n2\t1"), "-1\n1\n");
    assert_eq!(answers("deb", b""), "");
}

#[test]
fn takes_windows_line_ends() {
    assert_eq!(
        answers("semver", b"1.0.0\t1.0.0\r\n1.0.0\t1.0.1\t-1\r\n"),
        "0\n-1\n"
    );
}

#[test]
fn orders_bytes_that_are_no_text() {
    // dpkg: a byte above ASCII comes after letters and before other characters.
    assert_eq!(answers("deb", b"1\xff\t1z\n1\xff\t1+\n"), "1\n-1\n");
    assert_eq!(answers("rpm", b"1\xff2\t1.2\n"), "0\n");
    assert_eq!(
        answers("semver", b"1.0.0-\xff\t1.0.0\n"),
        "invalid: 1.0.0-\u{fffd}: it is not UTF-8 text\n"
    );
}

#[test]
fn an_answer_stays_one_line_and_cannot_steer_a_terminal() {
    assert_eq!(
        answers("semver", b"\x1b[31m\r1\t1.0.0\n"),
        "invalid: \\u{1b}[31m\\r1: the part is not a number\n"
    );
}

#[test]
fn names_the_lines_without_a_pair_and_answers_the_others() {
    let ran = ran("deb", None, b"1\t2\n1 2\n\n3\n2\t1\n", 8 * 1024);
    assert_eq!((ran.code, ran.output.as_str()), (2, "-1\n1\n"));
    assert_eq!(
        ran.errors,
        "error: compare: line 2 of standard input has 1 field instead of 2: `1 2`\n\
         error: compare: line 4 of standard input has 1 field instead of 2: `3`\n\
         hint: put a TAB between both versions; blanks do not split\n"
    );
}

#[test]
fn counts_faulty_lines_after_the_tenth() {
    let ran = ran("deb", None, "x\n".repeat(1_000).as_bytes(), 8 * 1024);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.errors.lines().count(), 12);
    assert!(ran.errors.contains("990 more lines"), "{}", ran.errors);
}

#[test]
fn an_unknown_scheme_is_wrong_use_and_lists_the_names() {
    let ran = ran("dpkg", Some(("1", "2")), b"", 16);
    assert_eq!((ran.code, ran.output.as_str()), (2, ""));
    assert_eq!(
        ran.errors,
        "error: compare: `dpkg` is not a version scheme\n\
         hint: use one of deb, rpm, apk, pacman, semver, windows, winget\n"
    );
}

#[test]
fn a_line_without_an_end_is_refused_before_it_fills_the_memory() {
    let input = vec![b'1'; LINE_BYTES_MAX + 100_000];
    let ran = ran("deb", None, &input, 8 * 1024);
    assert_eq!(ran.code, 2);
    assert!(
        ran.errors
            .starts_with("error: compare: line 1 of standard input is longer than")
    );
}

#[test]
fn answers_do_not_depend_on_where_reads_end() {
    let input = b"1:2.3-4\t1:2.3-5\n# c\n\nx\t1.0\textra\r\n1\t1";
    let whole = ran("deb", None, input, 8 * 1024).output;
    assert_eq!(whole, "-1\n1\n0\n");
    for chunk_bytes in 1..input.len() {
        assert_eq!(
            ran("deb", None, input, chunk_bytes).output,
            whole,
            "{chunk_bytes}"
        );
    }
}

/// Fails after its text, as a disk or a pipe does.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("the disk is gone"));
        }
        self.0.read(buffer)
    }
}

#[test]
fn a_failing_input_is_an_error_after_the_answers_so_far() {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut input = BufReader::new(Broken(b"1\t2\n2\t"));
    let failed = run("deb", None, &mut input, &mut output, &mut errors).unwrap_err();
    assert_eq!(failed.to_string(), "the disk is gone");
    assert_eq!(output, b"-1\n");
}
