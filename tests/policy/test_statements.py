from hypothesis import given
from hypothesis import strategies as st

from app.policy.statements import cut, unreadable_characters


def test_statements_keep_their_lines() -> None:
    text = '// first; of all\n@id("a")\npermit(x);\n\n\n@id ( "b" ) forbid(";");  permit();'
    found = [(one.line, one.written_id, one.text) for one in cut("f", text)]
    assert found == [
        (2, "a", '@id("a")\npermit(x);'),
        (6, "b", '@id ( "b" ) forbid(";");'),
        (6, "", "permit();"),
    ]


def test_a_quote_inside_a_string_does_not_end_it() -> None:
    assert len(list(cut("f", r'permit("a\";b");'))) == 1


def test_what_stands_after_the_last_semicolon_is_a_statement() -> None:
    assert [one.text for one in cut("f", "permit(x);\npermit(y) // end")] == [
        "permit(x);",
        "permit(y)",
    ]


def test_comments_alone_are_no_statement() -> None:
    assert list(cut("f", "// nothing\n\n  // here;\n")) == []


@given(st.text(alphabet=st.sampled_from('permit(x);"\\/\n @'), max_size=60))
def test_nothing_but_comments_and_space_is_left_out(text: str) -> None:
    kept = "".join(statement.text for statement in cut("f", text))
    without_comments = "" if "//" in text else text
    for character in without_comments:
        if not character.isspace():
            assert character in kept


def test_a_tab_is_found_with_its_line() -> None:
    (finding,) = unreadable_characters("f", "permit\n\tx")
    assert (finding.file, finding.line) == ("f", 2)
    assert "U+0009" in finding.message
