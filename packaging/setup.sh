#!/usr/bin/env bash
# Looks for what building and testing Homeward needs and installs what is
# missing, with apt, where that is permitted (as root, or sudo without a
# password). Where it is not, it prints exactly what to install and exits 1.
# With nothing missing it changes nothing and takes a moment.
#
#   packaging/setup.sh build     only what the service and the command line need (Go)
#   packaging/setup.sh desktop   also what the desktop program is built with
#   packaging/setup.sh lab       also what the lab needs (the default)
set -euo pipefail

what=${1:-lab}
go_wanted=1.26

say() { printf '%s\n' "$*" >&2; }

# go_fits: is there a go of at least the version that go.mod wants?
go_fits() {
	command -v go >/dev/null || return 1
	local have
	have=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || return 1
	have=${have#go}
	[ "$(printf '%s\n%s\n' "$go_wanted" "$have" | sort -V | head -n 1)" = "$go_wanted" ]
}

if ! go_fits; then
	if command -v go >/dev/null; then
		say "Go $(GOTOOLCHAIN=local go env GOVERSION | sed 's/^go//') is too old: Homeward needs Go $go_wanted or newer."
	else
		say "Go is missing: Homeward needs Go $go_wanted or newer."
	fi
	say "Install it from https://go.dev/dl/ and put its bin folder into PATH:"
	say "  rm -rf /usr/local/go && tar -C /usr/local -xzf go$go_wanted.*.linux-$(uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/').tar.gz"
	say "  export PATH=/usr/local/go/bin:\$PATH"
	exit 1
fi

[ "$what" != build ] || exit 0

if [ "$(uname -s)" != Linux ]; then
	[ "$what" != lab ] || say "The lab needs Linux (network namespaces). Here only the tests without a lab run."
	exit 0
fi

# Programs and files, each with its Debian package.
PATH=$PATH:/usr/sbin:/sbin
packages=()
need() { # PROGRAM-OR-FILE PACKAGE...
	case $1 in
	/*) [ -e "$1" ] && return ;;
	*) command -v "$1" >/dev/null && return ;;
	esac
	packages+=("${@:2}")
}
# What the window is built with. gcc needs five times as long for it as clang.
need clang clang libc6-dev
need pkg-config pkg-config
need /usr/include/GL/gl.h libgl1-mesa-dev
need /usr/include/X11/Xlib.h libx11-dev
need /usr/include/X11/Xcursor/Xcursor.h libxcursor-dev
need /usr/include/X11/extensions/Xrandr.h libxrandr-dev
need /usr/include/X11/extensions/Xinerama.h libxinerama-dev
need /usr/include/X11/extensions/XInput2.h libxi-dev
need /usr/include/X11/extensions/xf86vmode.h libxxf86vm-dev
need /usr/include/wayland-client.h libwayland-dev
need /usr/include/xkbcommon/xkbcommon.h libxkbcommon-dev

# plugin NAME PACKAGE: strongSwan's parts come in several packages.
plugin() {
	local f
	for f in /usr/lib/ipsec/plugins /usr/lib/*/ipsec/plugins /usr/lib/strongswan/plugins; do
		[ -e "$f/libstrongswan-$1.so" ] && return
	done
	packages+=("$2")
}
# What the lab starts. The race detector wants a C compiler.
lab() {
	need gcc gcc libc6-dev
	need ip iproute2
	need nft nftables
	need unshare util-linux
	need nsenter util-linux
	need mount mount
	need ping iputils-ping
	need swanctl strongswan-swanctl
	need charon-systemd charon-systemd
	need freeradius freeradius
	need hostapd hostapd
	need softhsm2-util softhsm2
	need pkcs11-tool opensc
	need dbus-daemon dbus
	need dbus-send dbus
	need gnome-keyring-daemon gnome-keyring
	need openssl openssl
	# A screen that nobody sees, for the desktop program.
	need Xvfb xvfb
	need /usr/share/doc/libgl1-mesa-dri libgl1-mesa-dri
	need openbox openbox
	need xfce4-panel xfce4-panel
	need /usr/share/dbus-1/services/org.xfce.Xfconf.service xfconf
	need xdotool xdotool
	need xprop x11-utils
	need desktop-file-validate desktop-file-utils
	need update-mime-database shared-mime-info
	need wmctrl wmctrl
	need import imagemagick
	need /usr/share/fonts/truetype/vlgothic fonts-vlgothic
	need iperf3 iperf3
	need curl curl
	# Without newuidmap an ordinary user's lab has root as its only user.
	[ "$(id -u)" = 0 ] || need newuidmap uidmap
	plugin kernel-libipsec libcharon-extra-plugins
	plugin eap-mschapv2 libcharon-extauth-plugins
	plugin chapoly libstrongswan-extra-plugins
	plugin gcm libstrongswan-standard-plugins
}
[ "$what" != lab ] || lab

if [ ${#packages[@]} -gt 0 ]; then
	mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
	as_root=()
	if [ "$(id -u)" != 0 ]; then
		as_root=(sudo -n)
	fi
	if ! command -v apt-get >/dev/null; then
		say "Missing for the $what, by their Debian names: ${packages[*]}"
		say "Install what your system calls them, then run the same command again."
		exit 1
	fi
	if [ ${#as_root[@]} -gt 0 ] && ! sudo -n true 2>/dev/null; then
		say "Missing for the $what: ${packages[*]}"
		say "Install them, then run the same command again:"
		say "  sudo apt-get update && sudo apt-get install --no-install-recommends -y ${packages[*]}"
		exit 1
	fi
	say "Installing ${packages[*]}"
	install_packages() {
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y -q "${packages[@]}" >&2
	}
	# The lists are fetched only when they do not know the packages.
	if ! install_packages; then
		"${as_root[@]}" apt-get update -q >&2
		install_packages
	fi
	# The lab runs its own daemons; the machine's, new with these packages, would
	# only hold ports: of IKE, of RADIUS, and a wireless device.
	for daemon in charon-systemd:strongswan freeradius:freeradius hostapd:hostapd; do
		if [[ " ${packages[*]} " == *" ${daemon%:*} "* ]] && [ -d /run/systemd/system ]; then
			"${as_root[@]}" systemctl disable --now "${daemon#*:}.service" >&2 || say "${daemon#*:}.service stays as it is"
		fi
	done
fi

[ "$what" = lab ] || exit 0
if [ ! -e /dev/net/tun ]; then
	say "There is no /dev/net/tun: load the module with \`sudo modprobe tun\`. Tests that need a tunnel will say so and be skipped."
elif [ ! -w /dev/net/tun ]; then
	say "/dev/net/tun may not be opened by $(id -un): as an ordinary user tests that need a tunnel will be skipped. Run with sudo, or \`sudo chmod 0666 /dev/net/tun\`."
fi
