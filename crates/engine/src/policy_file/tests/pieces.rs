//! Comments survive: each object keeps its text, and the texts together are the file.

use super::*;

fn pieces(text: &str) -> Vec<String> {
    let files = one(text).unwrap();
    files
        .preambles()
        .iter()
        .map(|(_, preamble)| preamble.clone())
        .chain(files.objects().iter().map(|object| object.source.clone()))
        .collect()
}

#[test]
fn a_comment_goes_with_the_object_below_it() {
    let text = "\
# The policy.

# Tills first.
[[group]]
name = \"a\" # not renamed
# still about a

# About b,
# two lines.

[[group]]
name = \"b\"
[[group]] # c
name = \"c\"
# the end
";
    assert_eq!(
        pieces(text),
        [
            "# The policy.\n\n",
            "# Tills first.\n[[group]]\nname = \"a\" # not renamed\n# still about a\n\n",
            "# About b,\n# two lines.\n\n[[group]]\nname = \"b\"\n",
            "[[group]] # c\nname = \"c\"\n# the end\n",
        ]
    );
}

#[test]
fn a_comment_right_above_a_header_goes_with_it_without_an_empty_line() {
    let text = "[[group]]\nname = \"a\"\n# About b.\n[[group]]\nname = \"b\"\n";
    assert_eq!(
        pieces(text),
        [
            "",
            "[[group]]\nname = \"a\"\n",
            "# About b.\n[[group]]\nname = \"b\"\n"
        ]
    );
}

#[test]
fn the_pieces_of_a_file_are_the_file() {
    let files = one(WHOLE).unwrap();
    let policy = WHOLE.find("# Servers have").unwrap();
    assert_eq!(files.preambles()[0].1, &WHOLE[..policy]);
    assert_eq!(pieces(WHOLE).concat(), WHOLE);
    let windows: Vec<&str> = files
        .objects()
        .iter()
        .map(|object| object.name.as_str())
        .collect();
    assert_eq!(windows[0], "servers");
    assert_eq!(files.objects()[10].name, "decision 2");
    assert_eq!(files.objects()[0].place.to_string(), "a.toml:13:1");
}

#[test]
fn an_object_whose_parts_are_spread_over_the_file_is_printed_anew() {
    let text =
        "[[rings]]\nname = \"r\"\n[[group]]\nname = \"g\"\n[[rings.ring]]\nname = \"first\"\n";
    let files = one(text).unwrap();
    for object in files.objects() {
        let alone = one(&object.source).unwrap();
        assert_eq!(alone.objects().len(), 1, "{}", object.source);
    }
    let inside = "group = [{ name = \"a\" }, { name = \"b\" }]\n";
    assert_eq!(
        pieces(inside).concat(),
        "[[group]]\nname = \"a\"\n[[group]]\nname = \"b\"\n"
    );
}
