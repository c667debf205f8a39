#!/bin/sh
# Runs while the package's files are still there. A deb is told "remove" or
# "upgrade", an rpm how many versions will be left. When the last one goes, the
# network is given back as it was; an upgrade leaves the service and the block
# where they are.
#
# Where the network cannot be given back whole this fails, and the package
# stays: it is what the administrator needs to go on.
set -e

case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
	systemctl stop homewardd.service homeward-boot.service ||
		echo "homeward: the service does not stop" >&2
fi
"${HOMEWARD_PREFIX:-/usr}/sbin/homewardd" cleanup || {
	echo "homeward: not everything was taken back; do what is said above, then remove it again" >&2
	exit 1
}
# A deb keeps what is enabled until it is purged.
if [ "$1" = 0 ]; then
	systemctl disable homewardd.service homeward-boot.service || true
fi
