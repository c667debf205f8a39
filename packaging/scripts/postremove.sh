#!/bin/sh
# Runs when the package's files are gone. A deb is told "remove" and, later or
# never, "purge"; an rpm how many versions are left.
set -e

case "$1" in
remove | purge | 0) ;;
*) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl reset-failed homewardd.service homeward-boot.service 2>/dev/null || true
fi
[ "$1" != remove ] || exit 0

# What users keep in their own folders is theirs.
rm -f /etc/systemd/system/multi-user.target.wants/homewardd.service \
	/etc/systemd/system/sysinit.target.wants/homeward-boot.service
if [ -s /var/lib/homeward/ledger.jsonl ]; then
	echo "homeward: /var/lib/homeward stays: it says what could not be taken back" >&2
else
	rm -rf /var/lib/homeward
fi
