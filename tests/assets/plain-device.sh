#!/bin/bash
# First process of a plain device: makes its file systems, moves into them, then buries orphans.
# Runs in fresh mount, pid, uts and ipc namespaces. Arguments: NAME FOLDER BASE
set -eu
name=$1 folder=$2 base=$3 root=$2/root

echo "$name" > /proc/sys/kernel/hostname
# volatile: the disk is not waited for, a device's files need not survive a power cut.
mount -t overlay -o "lowerdir=$base,upperdir=$folder/upper,workdir=$folder/work,volatile" overlay "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
if [ -e "$root/proc/sysrq-trigger" ]; then
    mount --bind /dev/null "$root/proc/sysrq-trigger"
fi
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t tmpfs -o mode=755,size=64m,nosuid,nodev tmpfs "$root/run"
mkdir -m 1777 "$root/run/lock"
mount -t tmpfs -o mode=755,size=1m tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,size=32m,nosuid,nodev tmpfs "$root/dev/shm"
for file in null zero full random urandom tty; do
    : > "$root/dev/$file"
    mount --bind "/dev/$file" "$root/dev/$file"
done
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"

mkdir "$root/run/old-root"
cd "$root"
pivot_root . run/old-root
exec /bin/bash -c '
    umount -l /run/old-root
    rmdir /run/old-root
    cd /
    : > /run/lab-ready
    # The shell buries whatever is left to it while it waits for a child that never ends.
    while :; do sleep 86400 & wait $!; done
' init < /dev/null
