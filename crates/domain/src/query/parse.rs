//! The parser: text to tree, by hand, in one pass.
//!
//! It never guesses: what it does not understand is an error with its place.

use super::{
    Comparison, Condition, DEPTH_MAX, Elapsed, Expr, FIELDS, Field, LENGTH_BYTES_MAX, OsPattern,
    OsVersion, PackagePattern, Pattern, QueryError, QueryErrorKind as Kind, Span, TERMS_MAX, Term,
    ValueKind,
    error::{nearest, other_word},
    field::Choice,
};

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Expr, QueryError> {
    let mut parser = Parser {
        text,
        position: 0,
        values: 0,
    };
    parser.check_text()?;
    parser.all(0, None)
}

/// Tells whether these words are of another query language and so need quotes: `OR`, `tag=x`.
pub(super) fn is_foreign(word: &str) -> bool {
    matches!(word, "AND" | "OR" | "NOT" | "&&" | "||")
        || word
            .split_once('=')
            .is_some_and(|(name, _)| Field::named(name).is_some())
}

/// Tells whether a value without quotes ends before this character.
pub(super) fn ends_value(char: char) -> bool {
    char.is_whitespace() || matches!(char, ',' | '(' | ')' | '"' | '<' | '>')
}

struct Parser<'t> {
    text: &'t str,
    position: usize,
    /// How many values were read, against [`TERMS_MAX`].
    values: usize,
}

/// A value with the place it was read from.
struct Value {
    pattern: Pattern,
    span: Span,
}

impl<'t> Parser<'t> {
    fn check_text(&self) -> Result<(), QueryError> {
        if self.text.len() > LENGTH_BYTES_MAX {
            let from = self.text.floor_char_boundary(LENGTH_BYTES_MAX);
            let message = format!(
                "the query is {} bytes long, over {LENGTH_BYTES_MAX}",
                self.text.len()
            );
            let error = self.error(Kind::TooLong, self.span(from, self.text.len()), message);
            // The rest may be megabytes.
            let found: String = self.text[from..].chars().take(20).collect();
            return Err(error.finding(found));
        }
        let control = |(_, char): &(usize, char)| char.is_control() && !char.is_whitespace();
        match self.text.char_indices().find(control) {
            Some((at, char)) => {
                let message = format!("control character U+{:04X}", u32::from(char));
                let span = self.span(at, at + char.len_utf8());
                Err(self.error(Kind::ControlCharacter, span, message))
            }
            None => Ok(()),
        }
    }

    /// Reads terms up to the end, or up to the parenthesis that closes the one at `open`.
    fn all(&mut self, depth: usize, open: Option<usize>) -> Result<Expr, QueryError> {
        let mut parts = Vec::new();
        loop {
            self.skip_blanks();
            match (self.peek(), open) {
                (None, None) => break,
                (None, Some(open)) => {
                    let span = self.span(open, open + 1);
                    let error = self.error(Kind::Unclosed, span, "`(` is not closed");
                    return Err(error.expecting(["`)`"]));
                }
                (Some(')'), Some(_)) if parts.is_empty() => {
                    return Err(self.found(Kind::MissingTerm, ["a term"]));
                }
                (Some(')'), Some(_)) => {
                    self.advance();
                    break;
                }
                (Some(')'), None) => {
                    return Err(self.error_here(Kind::Unexpected, "`)` closes nothing"));
                }
                (Some(_), _) => match self.part(depth)? {
                    Expr::All(inner) => parts.extend(inner),
                    part => parts.push(part),
                },
            }
        }
        match (parts.len(), parts.pop()) {
            (1, Some(only)) => Ok(only),
            (_, last) => {
                parts.extend(last);
                Ok(Expr::All(parts))
            }
        }
    }

    /// Reads a term or a group, perhaps negated, and what must end it.
    fn part(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let negated = self.eat('-');
        if negated
            && self
                .peek()
                .is_none_or(|char| char.is_whitespace() || "-),".contains(char))
        {
            return Err(self.found(Kind::MissingTerm, ["a term or a group to negate"]));
        }
        let open = self.position;
        let part = if self.eat('(') {
            if depth == DEPTH_MAX {
                let message = format!("groups are nested deeper than {DEPTH_MAX}");
                return Err(self.error(Kind::TooDeep, self.span(open, open + 1), message));
            }
            self.all(depth + 1, Some(open))?
        } else {
            Expr::Term(self.term()?)
        };
        if self
            .peek()
            .is_some_and(|char| char != ')' && !char.is_whitespace())
        {
            let expected = ["a blank", "the end", "quotes around the whole value"];
            return Err(self.found(Kind::Unexpected, expected));
        }
        Ok(match (negated, part) {
            (false, part) => part,
            (true, Expr::Not(inner)) => *inner,
            (true, part) => Expr::Not(Box::new(part)),
        })
    }

    fn term(&mut self) -> Result<Term, QueryError> {
        let start = self.position;
        let name = self.word(|char| char == ':' || ends_value(char));
        let (field, condition) = match self.peek() {
            Some(':' | '<' | '>') => {
                let field = self.field(start, name)?;
                let condition = if self.eat(':') {
                    self.listed(field)?
                } else {
                    self.compared(field)?
                };
                (Some(field), condition)
            }
            _ => {
                self.position = start;
                (None, self.patterns(true)?)
            }
        };
        Ok(Term {
            field,
            condition,
            span: self.span(start, self.position),
        })
    }

    /// Finds the field that was read before the sign at the current position.
    fn field(&self, start: usize, name: &str) -> Result<Field, QueryError> {
        if let Some(field) = Field::named(name) {
            return Ok(field);
        }
        let names = || FIELDS.iter().map(|row| row.name);
        if name.is_empty() {
            return Err(self.found(Kind::UnknownField, ["a field before the sign"]));
        }
        let span = self.span(start, self.position);
        let error = self.error(Kind::UnknownField, span, format!("unknown field `{name}`"));
        let rest = &self.text[start..];
        let token = &rest[..rest.find(ends_value).unwrap_or(rest.len())];
        let error = error.expecting(names());
        Err(match meant(name, names) {
            Some(near) => error.suggesting(format!("did you mean `{near}`?")),
            None if token.contains('@') || name == "kb" => {
                error.suggesting(format!("did you mean `patch:{token}`?"))
            }
            None => error,
        })
    }

    /// Reads the values after `field:`.
    fn listed(&mut self, field: Field) -> Result<Condition, QueryError> {
        if matches!(self.peek(), Some('<' | '>')) {
            let error = self.found(Kind::Unexpected, ["a value"]);
            let name = field.name();
            return Err(match field.row().values {
                ValueKind::Os => error.suggesting("write `os:debian>=12`"),
                ValueKind::Elapsed | ValueKind::Choice(_) => {
                    let rest = &self.text[self.position..];
                    let ends = |char: char| char.is_whitespace() || char == ')';
                    let bound = &rest[..rest.find(ends).unwrap_or(rest.len())];
                    error.suggesting(format!("write `{name}{bound}`"))
                }
                ValueKind::Text(_) => error,
                ValueKind::Package => error.suggesting("write `package:openssl<3.0.17`"),
            });
        }
        match field.row().values {
            ValueKind::Text(_) => self.patterns(false),
            ValueKind::Choice(choices) => {
                let values = self.values(false)?;
                if values.iter().any(|value| value.pattern.is_any()) {
                    return Ok(Condition::Present);
                }
                let chosen: Result<_, _> = values
                    .iter()
                    .map(|value| self.choice(field, choices, value))
                    .collect();
                chosen.map(Condition::Choice)
            }
            ValueKind::Elapsed => {
                let value = self.value(false)?;
                if value.pattern.is_any() {
                    return Ok(Condition::Present);
                }
                let message = format!("`{}` needs a comparison", field.name());
                let error = self.error(Kind::NeedsComparison, value.span, message);
                let name = field.name();
                Err(error.expecting([format!("`{name}<7d`"), format!("`{name}>7d`")]))
            }
            ValueKind::Os => self.systems(),
            ValueKind::Package => self.packages(),
        }
    }

    /// Reads `<`, `<=`, `>` or `>=` and the one value after it.
    fn compared(&mut self, field: Field) -> Result<Condition, QueryError> {
        let start = self.position;
        let comparison = self.comparison();
        let span = self.span(start, self.position);
        let (name, sign) = (field.name(), comparison.sign());
        let unordered = |parser: &Self| {
            let message = format!("the values of `{name}` have no order");
            parser.error(Kind::NotComparable, span, message)
        };
        let condition = match field.row().values {
            ValueKind::Choice(choices) if choices.iter().any(|choice| choice.rank.is_some()) => {
                let value = self.value(false)?;
                let choice = self.choice(field, choices, &value)?;
                if choice.rank.is_none() {
                    let ranked = choices.iter().filter(|choice| choice.rank.is_some());
                    let message = format!("`{}` has no place in the order", choice.name);
                    return Err(self
                        .error(Kind::NotComparable, value.span, message)
                        .expecting(ranked.map(|choice| choice.name)));
                }
                Condition::Order(comparison, choice)
            }
            ValueKind::Elapsed => Condition::Elapsed(comparison, self.elapsed()?),
            ValueKind::Os => {
                return Err(unordered(self).suggesting(format!("write `{name}:debian{sign}12`")));
            }
            ValueKind::Package => {
                return Err(
                    unordered(self).suggesting(format!("write `{name}:openssl{sign}3.0.17`"))
                );
            }
            ValueKind::Text(_) | ValueKind::Choice(_) => {
                return Err(unordered(self).expecting([format!("`{name}:`")]));
            }
        };
        if self.peek() == Some(',') {
            let message = format!("only one value can follow `{sign}`");
            return Err(self
                .error_here(Kind::Unexpected, message)
                .expecting(["a blank"]));
        }
        Ok(condition)
    }

    fn elapsed(&mut self) -> Result<Elapsed, QueryError> {
        let value = self.value(false)?;
        value
            .pattern
            .exact()
            .and_then(Elapsed::read)
            .ok_or_else(|| {
                let found = self.shown(value.span);
                self.error(
                    Kind::BadDuration,
                    value.span,
                    format!("{found} is not a duration"),
                )
                .expecting(["a number and m, h, d or w, at most a hundred years"])
            })
    }

    /// Reads operating systems, each perhaps with a bound on its version.
    fn systems(&mut self) -> Result<Condition, QueryError> {
        let mut systems = Vec::new();
        let mut any = false;
        loop {
            let Value {
                pattern: name,
                span,
            } = self.value(false)?;
            if name.pieces().iter().any(|piece| piece.contains('=')) {
                let message = format!("{} is not an operating system", self.shown(span));
                let error = self.error(Kind::UnknownValue, span, message);
                return Err(error.suggesting("versions are compared with <, <=, > or >="));
            }
            let bound = if matches!(self.peek(), Some('<' | '>')) {
                let comparison = self.comparison();
                let value = self.value(false)?;
                let version = value
                    .pattern
                    .exact()
                    .and_then(OsVersion::read)
                    .ok_or_else(|| {
                        let found = self.shown(value.span);
                        let message = format!("{found} is not a version of an operating system");
                        self.error(Kind::BadVersion, value.span, message)
                            .expecting(["numbers with dots between them, such as 22.04"])
                    })?;
                Some((comparison, version))
            } else {
                None
            };
            any |= name.is_any() && bound.is_none();
            systems.push(OsPattern { name, bound });
            if !self.eat(',') {
                return Ok(if any {
                    Condition::Present
                } else {
                    Condition::Os(systems)
                });
            }
        }
    }

    /// Reads packages, each perhaps with a bound on its version; without any bound they are names.
    fn packages(&mut self) -> Result<Condition, QueryError> {
        let mut packages = Vec::new();
        loop {
            let name = self.value(false)?.pattern;
            let bound = if matches!(self.peek(), Some('<' | '>')) {
                let comparison = self.comparison();
                let value = self.value(false)?;
                let version = value.pattern.exact().map(str::to_owned).ok_or_else(|| {
                    let found = self.shown(value.span);
                    let message = format!("{found} is not a version of a package");
                    self.error(Kind::BadVersion, value.span, message)
                        .expecting(["one version without `*`"])
                })?;
                Some((comparison, version))
            } else {
                None
            };
            packages.push(PackagePattern { name, bound });
            if !self.eat(',') {
                break;
            }
        }
        let any = |package: &PackagePattern| package.name.is_any() && package.bound.is_none();
        Ok(if packages.iter().any(any) {
            Condition::Present
        } else if packages.iter().all(|package| package.bound.is_none()) {
            Condition::Text(packages.into_iter().map(|package| package.name).collect())
        } else {
            Condition::Packages(packages)
        })
    }

    /// Reads patterns; where one is `*` alone, presence is all that is asked.
    fn patterns(&mut self, bare: bool) -> Result<Condition, QueryError> {
        let values = self.values(bare)?;
        if matches!(self.peek(), Some('<' | '>')) {
            let expected = ["a blank", "a comma", "quotes around the whole value"];
            return Err(self.found(Kind::NotComparable, expected));
        }
        if values.iter().any(|value| value.pattern.is_any()) {
            return Ok(Condition::Present);
        }
        Ok(Condition::Text(
            values.into_iter().map(|value| value.pattern).collect(),
        ))
    }

    /// Reads values with commas between them.
    fn values(&mut self, bare: bool) -> Result<Vec<Value>, QueryError> {
        let mut values = vec![self.value(bare)?];
        while self.eat(',') {
            values.push(self.value(bare)?);
        }
        Ok(values)
    }

    /// Reads one value. A bare one, without a field before it, cannot hold a colon.
    fn value(&mut self, bare: bool) -> Result<Value, QueryError> {
        let start = self.position;
        let pieces = if self.eat('"') {
            self.quoted(start)?
        } else {
            let word = self.word(|char| ends_value(char) || bare && char == ':');
            if word.is_empty() {
                return Err(self.found(Kind::MissingValue, ["a value"]));
            }
            if bare && is_foreign(word) {
                return Err(self.foreign(self.span(start, self.position), word));
            }
            word.split('*').map(str::to_owned).collect()
        };
        let span = self.span(start, self.position);
        self.values += 1;
        if self.values > TERMS_MAX {
            let message = format!("more than {TERMS_MAX} values");
            return Err(self.error(Kind::TooManyTerms, span, message));
        }
        Ok(Value {
            pattern: Pattern::from_pieces(pieces),
            span,
        })
    }

    /// Reads up to the closing quote of the one at `start`, and returns the pieces between stars.
    fn quoted(&mut self, start: usize) -> Result<Vec<String>, QueryError> {
        let mut pieces = vec![String::new()];
        loop {
            let at = self.position;
            let mut piece = |char| pieces.last_mut().expect("never empty").push(char);
            match self.advance() {
                None => {
                    let span = self.span(start, start + 1);
                    let error = self.error(Kind::Unclosed, span, "the quote is not closed");
                    return Err(error.expecting(["`\"`"]));
                }
                Some('"') if self.position == start + 2 => {
                    let span = self.span(start, self.position);
                    let error = self.error(Kind::MissingValue, span, "nothing between the quotes");
                    return Err(error.expecting(["a value"]));
                }
                Some('"') => return Ok(pieces),
                Some('*') => pieces.push(String::new()),
                Some('\\') => match self.advance() {
                    Some(char @ ('"' | '\\' | '*')) => piece(char),
                    _ => {
                        let span = self.span(at, self.position);
                        let message = format!("{} is not an escape", self.shown(span));
                        let error = self.error(Kind::BadEscape, span, message);
                        return Err(error.expecting(["`\\\"`", "`\\\\`", "`\\*`"]));
                    }
                },
                Some(char) if char.is_control() => {
                    let span = self.span(at, self.position);
                    let message = format!("control character U+{:04X}", u32::from(char));
                    return Err(self.error(Kind::ControlCharacter, span, message));
                }
                Some(char) => piece(char),
            }
        }
    }

    /// Reads the sign at the current position, which is `<` or `>`.
    fn comparison(&mut self) -> Comparison {
        let less = self.advance() == Some('<');
        match (less, self.eat('=')) {
            (true, true) => Comparison::LessOrEqual,
            (true, false) => Comparison::Less,
            (false, true) => Comparison::GreaterOrEqual,
            (false, false) => Comparison::Greater,
        }
    }

    fn choice(
        &self,
        field: Field,
        choices: &'static [Choice],
        value: &Value,
    ) -> Result<&'static Choice, QueryError> {
        let written = value.pattern.exact();
        let found =
            written.and_then(|text| choices.iter().find(|c| c.name.eq_ignore_ascii_case(text)));
        found.ok_or_else(|| {
            let names = || choices.iter().map(|choice| choice.name);
            let message = format!(
                "{} is not a value of `{}`",
                self.shown(value.span),
                field.name()
            );
            let error = self
                .error(Kind::UnknownValue, value.span, message)
                .expecting(names());
            match written.and_then(|text| meant(text, names)) {
                Some(near) => error.suggesting(format!("did you mean `{near}`?")),
                None => error,
            }
        })
    }

    /// Builds the error about a word of another query language.
    fn foreign(&self, span: Span, word: &str) -> QueryError {
        let message = format!("`{word}` is not of this language");
        let error = self.error(Kind::ForeignWord, span, message);
        match word {
            "AND" | "&&" => error.suggesting("a blank between two terms means AND"),
            "OR" | "||" => error.suggesting("write the values with a comma: `tag:a,b`"),
            "NOT" => error.suggesting("write `-` before the term"),
            _ => error.suggesting(format!("write `{}`", word.replacen('=', ":", 1))),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.position..].chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.position += char.len_utf8();
        Some(char)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.position += wanted.len_utf8();
        }
        found
    }

    fn skip_blanks(&mut self) {
        self.word(|char| !char.is_whitespace());
    }

    /// Reads up to the first character that ends it.
    fn word(&mut self, ends: impl Fn(char) -> bool) -> &'t str {
        let rest = &self.text[self.position..];
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.position += word.len();
        word
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let column = self.text[..start].chars().count() + 1;
        Span {
            position: start,
            length: end - start,
            column,
        }
    }

    /// Quotes a part of the text on one line.
    fn shown(&self, span: Span) -> String {
        let shown = &self.text[span.position..span.position + span.length];
        format!("`{}`", shown.replace(char::is_control, " "))
    }

    /// Builds an error that names the character at the current position.
    fn found<const N: usize>(&self, kind: Kind, expected: [&str; N]) -> QueryError {
        let found = match self.peek() {
            None => "the end".to_owned(),
            Some(char) if char.is_whitespace() => "a blank".to_owned(),
            Some(char) => format!("`{char}`"),
        };
        self.error_here(kind, format!("found {found}"))
            .expecting(expected)
    }

    fn error(&self, kind: Kind, span: Span, message: impl Into<String>) -> QueryError {
        QueryError::new(kind, self.text, span, message)
    }

    /// Builds an error about the character at the current position.
    fn error_here(&self, kind: Kind, message: impl Into<String>) -> QueryError {
        let end = self.position + self.peek().map_or(0, char::len_utf8);
        self.error(kind, self.span(self.position, end), message)
    }
}

/// Finds the candidate that somebody meant who wrote `word`: by a slip, or in another tool's words.
fn meant<I: Iterator<Item = &'static str>>(
    word: &str,
    candidates: impl Fn() -> I,
) -> Option<&'static str> {
    nearest(word, candidates())
        .or_else(|| other_word(word).filter(|ours| candidates().any(|name| name == *ours)))
}
