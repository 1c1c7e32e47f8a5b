//! Windows levels as rows.

use super::*;

/// Levels below a build lack the KB of that build.
struct BelowTwo;

impl JudgeLevels for BelowTwo {
    fn judge_level(&self, level: &WindowsState) -> Vec<LevelOpen> {
        let has = level.kbs.contains(&domain::package::Kb(5_000_002));
        let open = LevelOpen {
            key: "KB5000002".into(),
            advisory: Advisory::new("KB5000002"),
            open: Open::Missing,
        };
        if has { Vec::new() } else { vec![open] }
    }
}

#[test]
fn windows_levels_are_judged_once_and_fan_out() {
    let mut index = FleetIndex::new();
    let level = |kbs: &[u32]| WindowsState {
        product_id: Some("11923".into()),
        build: Some(name("10.0.20348.2700")),
        kbs: kbs.iter().map(|kb| domain::package::Kb(*kb)).collect(),
    };
    let old = index.level(&level(&[5_000_001]));
    let new = index.level(&level(&[5_000_002, 5_000_001]));
    assert_eq!(new, index.level(&level(&[5_000_001, 5_000_002])));
    let mut dice = Dice(1);
    for (number, id) in [(1, old), (2, new), (3, old)] {
        let mut known = device(&mut dice, &mut index, number);
        known.systems = vec![SystemId::new("windows", "11923")];
        let mut packed = Vec::new();
        pack::pack(&[id.0], &mut packed);
        index.put(&record(&known, Some(&packed))).unwrap();
    }
    index.judge_levels(&BelowTwo, &Catalogues::default());
    index.assess(1);
    let advisory = index.advisory("KB5000002").unwrap();
    assert_eq!(index.affected_count(advisory, Open::Missing), 2);
    assert_eq!(index.affected(advisory, Open::Missing).len(), 2);
    let query = Query::parse("package:KB5000002").unwrap();
    assert_eq!(
        index
            .select(&query, at("2024-05-01T00:00:00Z"))
            .unwrap()
            .len(),
        1
    );
}
