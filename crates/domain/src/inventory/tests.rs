use super::*;
use proptest::prelude::*;

fn package(name: &str, version: &str) -> Item {
    Item::Package(Package {
        ecosystem: Ecosystem::Deb,
        name: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        version: version.parse().unwrap(),
        state: PackageState::Installed,
        source: None,
        origin: None,
    })
}

#[test]
fn the_digest_is_the_one_a_shell_computes() {
    // printf 'deb\tbash\tamd64\t5.2.15-2+b8\tinstalled\ndeb\topenssl\tamd64\t3.0.20-1\tinstalled\n' | sha256sum
    let inventory = Inventory::new(vec![
        package("openssl", "3.0.20-1"),
        package("bash", "5.2.15-2+b8"),
    ]);
    assert_eq!(
        inventory.digest().to_string(),
        "53f9afd7af5b233c137f53b74c024d06b765a0296184f1dee19d8511565bf29e"
    );
}

#[test]
fn a_full_line_out_of_order_or_with_a_control_character_is_refused() {
    let good = "deb\ta\tamd64\t1\tinstalled\t-\t-\t-\n";
    assert!(Inventory::from_text(good).is_ok());
    assert!(matches!(
        Inventory::from_text(&good.repeat(2)),
        Err(InvalidInventory::Order { line: 2 })
    ));
    assert!(matches!(
        Inventory::from_text("deb\ta\u{1b}[0m\tamd64\t1\tinstalled\t-\t-\t-\n"),
        Err(InvalidInventory::Name { line: 1, .. })
    ));
    assert!(matches!(
        Inventory::from_text("deb\ta\tamd64\t1\n"),
        Err(InvalidInventory::Columns { line: 1, found: 4 })
    ));
}

#[test]
fn fifty_thousand_packages_are_refused() {
    let text: String = (0..50_000)
        .map(|n| format!("deb\tp{n:06}\tamd64\t1\tinstalled\t-\t-\t-\n"))
        .collect();
    assert_eq!(Inventory::from_text(&text), Err(InvalidInventory::TooMany));
}

#[test]
fn a_delta_from_another_base_is_refused() {
    let a = Inventory::new(vec![package("a", "1")]);
    let b = Inventory::new(vec![package("a", "2")]);
    let delta = a.delta_to(&b);
    assert_eq!(a.apply(&delta).unwrap(), b);
    assert_eq!(b.apply(&delta), Err(DeltaRefused::OtherBase));
    let lie = Delta {
        to: a.digest(),
        ..delta
    };
    assert_eq!(a.apply(&lie), Err(DeltaRefused::WrongResult));
}

#[test]
fn updates_and_applications_travel_in_their_order_and_keep_the_digest() {
    let update = |kb| Item::Update {
        kb: Kb(kb),
        state: PackageState::Installed,
    };
    let application = Item::Application {
        id: "Mozilla.Firefox".parse().unwrap(),
        version: "145.0".parse().unwrap(),
    };
    let inventory = Inventory::new(vec![
        application,
        update(5_044_285),
        package("b", "1"),
        update(5_044_280),
        package("b-c", "1"),
    ]);
    let text = inventory.to_text();
    let read = Inventory::from_text(&text).unwrap();
    assert_eq!(read, inventory);
    assert_eq!(read.digest(), inventory.digest());
    // What `cut -f 1-5 | sha256sum` gives for the text.
    let lines: String = text
        .lines()
        .map(|line| line.split('\t').take(5).collect::<Vec<_>>().join("\t") + "\n")
        .collect();
    assert_eq!(read.digest(), Digest::of(lines.as_bytes()));
    let mut swapped: Vec<&str> = text.lines().collect();
    swapped.swap(2, 3);
    assert_eq!(
        Inventory::from_text(&(swapped.join("\n") + "\n")),
        Err(InvalidInventory::Order { line: 4 })
    );
}

proptest! {
    #[test]
    fn text_and_delta_lead_back(
        old in prop::collection::btree_map("[a-z]{1,6}", "[0-9.]{1,5}", 0..30),
        new in prop::collection::btree_map("[a-z]{1,6}", "[0-9.]{1,5}", 0..30),
    ) {
        let make = |m: std::collections::BTreeMap<String, String>| {
            Inventory::new(m.iter().map(|(n, v)| package(n, v)).collect())
        };
        let (old, new) = (make(old), make(new));
        prop_assert_eq!(&Inventory::from_text(&old.to_text()).unwrap(), &old);
        prop_assert_eq!(&old.apply(&old.delta_to(&new)).unwrap(), &new);
    }
}
