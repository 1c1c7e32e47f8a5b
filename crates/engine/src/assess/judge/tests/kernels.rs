//! Running and installed kernels.

use domain::finding::FindingState::{self, Fixed, Missing, OldCodeRunning};

use super::*;

fn images(
    kernel: Option<&str>,
    versions: &[(&str, &str)],
    fixed: &str,
) -> Vec<(String, FindingState, String)> {
    let packages = versions
        .iter()
        .map(|(name, version)| {
            // Debian signs images in a source package of its own, with versions of its own.
            let signed = format!("linux-signed-amd64={}", version.replace("-", "+"));
            deb(name, version, &signed)
        })
        .collect();
    let mut device = device("debian:bookworm", packages);
    device.kernel = kernel.map(str::to_owned);
    let definitions = definitions(vec![advisory(
        "DSA-5658-1",
        &["CVE-2024-26642"],
        vec![source("debian:bookworm", "linux", fixed_in(fixed))],
    )]);
    judged(&definitions, &device)
        .into_iter()
        .map(|judgement| (judgement.package, judgement.state, judgement.because))
        .collect()
}

fn states(found: &[(String, FindingState, String)]) -> Vec<FindingState> {
    found.iter().map(|(_, state, _)| *state).collect()
}

const OLD: (&str, &str) = ("linux-image-6.1.0-18-amd64", "6.1.76-1");
const NEW: (&str, &str) = ("linux-image-6.1.0-20-amd64", "6.1.85-1");

#[test]
fn a_fixed_kernel_that_does_not_run_yet_is_old_code_running() {
    let found = images(Some("6.1.0-18-amd64"), &[OLD, NEW], "6.1.85-1");
    assert_eq!(states(&found), [OldCodeRunning, OldCodeRunning]);
    assert_eq!(
        found[0].2,
        "kernel 6.1.76-1 is running and affected; 6.1.85-1 is the first version with the fix: a reboot is due"
    );
}

#[test]
fn the_running_kernel_decides() {
    let found = images(Some("6.1.0-20-amd64"), &[OLD, NEW], "6.1.85-1");
    assert_eq!(states(&found), [Fixed, Fixed]);
    let found = images(Some("6.1.0-18-amd64"), &[OLD, NEW], "6.1.90-1");
    assert_eq!(states(&found), [Missing, Missing]);
}

#[test]
fn without_the_running_kernel_the_newest_decides_and_it_is_said() {
    let found = images(None, &[OLD, NEW], "6.1.85-1");
    assert_eq!(states(&found), [Fixed, Fixed]);
    assert!(
        found[0]
            .2
            .ends_with("the running kernel is not known, the newest installed kernel decides")
    );
    // A container sees the kernel of its host.
    let found = images(Some("5.14.0-1.el9.x86_64"), &[OLD, NEW], "6.1.85-1");
    assert_eq!(states(&found), [Fixed, Fixed]);
    assert!(
        found[0].2.contains("is none of these packages"),
        "{}",
        found[0].2
    );
}

#[test]
fn another_flavour_is_another_group_and_a_metapackage_is_none() {
    let cloud = ("linux-image-6.1.0-18-cloud-amd64", "6.1.76-1");
    let meta = ("linux-image-amd64", "6.1.85-1");
    let found = images(Some("6.1.0-20-amd64"), &[cloud, NEW, meta], "6.1.85-1");
    assert_eq!(states(&found), [Missing, Fixed, Fixed]);
}

fn kernels(kernel: Option<&str>, name: &str, versions: &[&str], fixed: &str) -> Vec<Judgement> {
    let packages = versions.iter().map(|version| rpm(name, version)).collect();
    let mut device = device("rhel:8", packages);
    device.kernel = kernel.map(str::to_owned);
    let statement = binary("rhel:8", name, fixed_in(fixed));
    judged(
        &definitions(vec![advisory("RHSA-1", &[], vec![statement])]),
        &device,
    )
}

#[test]
fn rpm_kernels_of_one_name_are_one_line() {
    let installed = ["4.18.0-348.el8", "4.18.0-553.8.1.el8_10"];
    let fixed = "0:4.18.0-553.8.1.el8_10";
    let found = kernels(
        Some("4.18.0-348.el8.x86_64"),
        "kernel-core",
        &installed,
        fixed,
    );
    assert_eq!(
        lines(&found),
        ["kernel-core RHSA-1 0:4.18.0-553.8.1.el8_10 old-code-running"]
    );
    assert_eq!(found[0].installed.as_deref(), Some("4.18.0-348.el8"));
    let found = kernels(
        Some("4.18.0-553.8.1.el8_10.x86_64+debug"),
        "kernel-core",
        &installed,
        fixed,
    );
    assert_eq!(found[0].state, Fixed);
    let found = kernels(None, "kernel", &installed, fixed);
    assert_eq!((found.len(), found[0].state), (1, Fixed));
    assert_eq!(found[0].installed.as_deref(), Some("4.18.0-553.8.1.el8_10"));
}

#[test]
fn suse_leaves_the_rebuild_count_out_of_its_release() {
    let installed = ["5.3.18-150300.59.90.1", "5.3.18-150300.59.93.1"];
    let found = kernels(
        Some("5.3.18-150300.59.90-default"),
        "kernel-default",
        &installed,
        "5.3.18-150300.59.93.1",
    );
    assert_eq!(found[0].state, OldCodeRunning);
}

#[test]
fn what_only_accompanies_a_kernel_is_judged_by_itself() {
    let found = kernels(
        Some("4.18.0-348.el8.x86_64"),
        "kernel-headers",
        &["4.18.0-553.8.1.el8_10"],
        "4.18.0-553.8.1.el8_10",
    );
    assert_eq!(
        found[0].because,
        "4.18.0-553.8.1.el8_10 is the first version with the fix"
    );
}
