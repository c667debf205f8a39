#!/bin/sh
# Has the desktop read anew which programs open which files, below the prefix that is
# named. Distributions do that by themselves for their packages.
#
#   caches.sh PREFIX
set -e

share=$1/share
known() { command -v "$1" >/dev/null 2>&1; }
if [ -d "$share/mime/packages" ] && known update-mime-database; then
	update-mime-database "$share/mime" || echo "homeward: update-mime-database failed" >&2
fi
if [ -d "$share/applications" ] && known update-desktop-database; then
	update-desktop-database -q "$share/applications" || echo "homeward: update-desktop-database failed" >&2
fi
if [ -d "$share/icons/hicolor" ] && known gtk-update-icon-cache; then
	gtk-update-icon-cache -q -t -f "$share/icons/hicolor" || echo "homeward: gtk-update-icon-cache failed" >&2
fi
