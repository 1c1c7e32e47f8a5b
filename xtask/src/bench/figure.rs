//! One measured figure: a value, what it is held against in the same run, and the goal.

use serde_json::{Value, json};

/// What a goal asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// The value is at least this.
    AtLeast(f64),
    /// The value is at most this.
    AtMost(f64),
    /// The ratio to the peer is at least this.
    RatioAtLeast(f64),
    /// The ratio to the peer is at most this.
    RatioAtMost(f64),
    /// Only reported.
    None,
}

/// The peer or limit of the same run, in the unit of the value.
#[derive(Debug, Clone, PartialEq)]
pub struct Against {
    /// What it is.
    pub what: &'static str,
    /// Its value.
    pub value: f64,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Which bench measured it.
    pub bench: &'static str,
    /// What was measured.
    pub what: String,
    /// The median of the rounds, or the count.
    pub value: f64,
    /// The smallest and largest of the rounds, where there was more than one.
    pub spread: Option<(f64, f64)>,
    /// The unit.
    pub unit: &'static str,
    /// What it is held against.
    pub against: Option<Against>,
    /// The median of the ratios of the rounds, where both sides ran in each: sturdier than the ratio
    /// of the medians on a machine that others use too.
    pub paired: Option<f64>,
    /// What is wanted.
    pub goal: Goal,
}

impl Figure {
    /// A figure from one count.
    pub fn one(
        bench: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            bench,
            what: what.into(),
            value,
            spread: None,
            unit,
            against: None,
            paired: None,
            goal: Goal::None,
        }
    }

    /// A figure from rounds: their median, with the spread.
    pub fn rounds(
        bench: &'static str,
        what: impl Into<String>,
        values: &[f64],
        unit: &'static str,
    ) -> Self {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self {
            spread: Some((least, most)),
            ..Self::one(bench, what, median(values), unit)
        }
    }

    /// Holds it against a peer or limit.
    pub fn against(mut self, what: &'static str, value: f64) -> Self {
        self.against = Some(Against { what, value });
        self
    }

    /// Holds each round against the same round of a peer.
    pub fn paired(self, what: &'static str, rounds: &[f64], peer: &[f64]) -> Self {
        let ratios: Vec<f64> = rounds.iter().zip(peer).map(|(a, b)| a / b).collect();
        Self {
            paired: Some(median(&ratios)),
            ..self.against(what, median(peer))
        }
    }

    /// Sets its goal.
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = goal;
        self
    }

    fn ratio(&self) -> Option<f64> {
        let of_medians = || {
            let against = self.against.as_ref().filter(|peer| peer.value > 0.0)?;
            Some(self.value / against.value)
        };
        self.paired.or_else(of_medians)
    }

    /// Whether the goal is met; `None` without a goal.
    pub fn met(&self) -> Option<bool> {
        match self.goal {
            Goal::AtLeast(goal) => Some(self.value >= goal),
            Goal::AtMost(goal) => Some(self.value <= goal),
            Goal::RatioAtLeast(goal) => Some(self.ratio().is_some_and(|ratio| ratio >= goal)),
            Goal::RatioAtMost(goal) => Some(self.ratio().is_some_and(|ratio| ratio <= goal)),
            Goal::None => None,
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "bench": self.bench,
            "what": self.what,
            "value": self.value,
            "least": self.spread.map(|spread| spread.0),
            "most": self.spread.map(|spread| spread.1),
            "unit": self.unit,
            "against": self.against.as_ref().map(|a| json!({"what": a.what, "value": a.value})),
            "ratio": self.ratio(),
            "goal": goal_text(self.goal),
            "met": self.met(),
        })
    }
}

/// The middle value; of an even count the mean of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// The figures as a table for people, in Markdown.
pub fn table(figures: &[Figure]) -> String {
    let mut text = String::from(
        "| bench | measured | median (least to most) | peer or limit, same run | ratio | goal | met |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for figure in figures {
        let spread = figure.spread.map_or(String::new(), |(least, most)| {
            format!(" ({} to {})", number(least), number(most))
        });
        let against = figure.against.as_ref().map_or("-".to_owned(), |against| {
            format!("{}: {}", against.what, number(against.value))
        });
        let ratio = figure.ratio().map_or("-".to_owned(), ratio_text);
        let met = match figure.met() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "-",
        };
        text.push_str(&format!(
            "| {} | {} | {} {}{spread} | {against} | {ratio} | {} | {met} |\n",
            figure.bench,
            figure.what,
            number(figure.value),
            figure.unit,
            goal_text(figure.goal),
        ));
    }
    text
}

fn goal_text(goal: Goal) -> String {
    match goal {
        Goal::AtLeast(goal) => format!("≥ {}", number(goal)),
        Goal::AtMost(goal) => format!("≤ {}", number(goal)),
        Goal::RatioAtLeast(goal) => format!("≥ {}x", number(goal)),
        Goal::RatioAtMost(goal) => format!("≤ {}x", number(goal)),
        Goal::None => "-".to_owned(),
    }
}

fn ratio_text(ratio: f64) -> String {
    if ratio >= 0.01 {
        format!("{ratio:.2}x")
    } else {
        format!("{ratio:.4}x")
    }
}

/// Three digits that count, thousands apart.
fn number(value: f64) -> String {
    if value.abs() < 100.0 && value.fract().abs() > 1e-9 {
        return if value.abs() < 10.0 {
            format!("{value:.2}")
        } else {
            format!("{value:.1}")
        };
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        text.insert(0, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_can_be_read() {
        for (value, text) in [
            (0.0, "0"),
            (4.614, "4.61"),
            (46.14, "46.1"),
            (461.4, "461"),
            (1_234_567.8, "1,234,568"),
            (-1000.0, "-1,000"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn the_median_is_the_middle_and_not_the_mean() {
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn rounds_are_held_against_their_own_peer() {
        // The machine was twice as slow in the second round, for both.
        let (ours, theirs) = ([10.0, 5.0, 11.0], [2.0, 1.0, 4.0]);
        let figure = Figure::rounds("b", "w", &ours, "/s").paired("p", &ours, &theirs);
        assert_eq!(figure.ratio(), Some(5.0));
    }

    #[test]
    fn a_goal_on_the_ratio_is_not_met_without_a_peer() {
        let figure = Figure::rounds("b", "w", &[3.0, 5.0, 4.0], "/s").goal(Goal::RatioAtLeast(2.0));
        assert_eq!(figure.met(), Some(false));
        assert_eq!(figure.clone().against("p", 2.0).met(), Some(true));
        assert_eq!(figure.clone().against("p", 2.1).met(), Some(false));
        assert_eq!(figure.clone().goal(Goal::AtMost(4.0)).met(), Some(true));
        assert_eq!(figure.goal(Goal::None).met(), None);
    }
}
