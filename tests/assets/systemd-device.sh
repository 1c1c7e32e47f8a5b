#!/bin/bash
# Boots a device with systemd as its first process, again after each reboot.
# Runs in a fresh mount namespace. Arguments: NAME FOLDER BASE NETWORK-NAMESPACE CONTROL-GROUP
set -eu
name=$1 folder=$2 base=$3 network=$4 group=$5

# A control group of its own: two guests in one would take each other's for theirs.
for top in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    if [ -e "$top/cgroup.procs" ]; then
        mkdir -p "$top/$group"
        echo $$ > "$top/$group/cgroup.procs"
    fi
done
# nspawn keeps state below /run/systemd and refuses to do so on a disk.
mkdir -p /run/systemd
mount -t tmpfs -o mode=755 tmpfs /run/systemd
mount -t overlay -o "lowerdir=$base,upperdir=$folder/upper,workdir=$folder/work,volatile" overlay "$folder/root"

while :; do
    code=0
    systemd-nspawn --quiet --boot --register=no --keep-unit --resolv-conf=off --timezone=off \
        --link-journal=no --directory="$folder/root" --machine="$name" \
        --network-namespace-path="/run/netns/$network" < /dev/null || code=$?
    # 133 says that the guest asked for a reboot.
    [ "$code" = 133 ] || exit "$code"
done
