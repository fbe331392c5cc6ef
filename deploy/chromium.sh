#!/bin/sh
# Sees to a Chromium for the browser stories: takes the one that is there, or installs Debian's package when it may.
# Never fails: without a browser those stories are skipped and say what to install.
for program in chromium chromium-browser google-chrome; do
    command -v "$program" >/dev/null 2>&1 && exit 0
done
[ -n "${ALMONER_CHROMIUM:-}" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Debian's chromium for the browser stories"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-liberation; } >/dev/null 2>&1 ||
        echo "Debian's chromium could not be installed; the browser stories will be skipped."
fi
exit 0
