#!/bin/sh
# Runs when the package's files are there. A deb is told "configure" and, where
# there was one before, its version; an rpm how many versions there are now.
set -e

case "$1" in
configure) before=$2 ;;
1) before= ;;
[2-9]*) before=some ;;
*) exit 0 ;;
esac

if [ -z "$before" ]; then
	systemctl enable homewardd.service || echo "homeward: enable it with: systemctl enable homewardd" >&2
fi
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
# The old service ends here; where the kill switch asks for that, the network
# stays blocked between the two.
if systemctl is-enabled --quiet homewardd.service; then
	systemctl restart homewardd.service || echo "homeward: the service does not start; see: journalctl -u homewardd" >&2
fi
