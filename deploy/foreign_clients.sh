#!/bin/sh
# Installs the FHIR clients of other people that the long tests drive against our server, into .foreign: Python programs
# in an environment of their own (their pins need not agree with ours) and Node packages. Without Node.js or a package
# registry those tests are skipped and say so.
set -u
cd "$(dirname "$0")/.."
asked=tests/integration/foreign
target=.foreign
stamp=$target/installed
fingerprint=$(cat $asked/requirements.txt $asked/package.json | cksum)
[ -f $stamp ] && [ "$(cat $stamp)" = "$fingerprint" ] && exit 0
rm -rf $target
mkdir -p $target
echo "Installing the clients of other people for the long tests"
python=$(.venv/bin/python -c 'import sys; print(sys.executable)')
"$python" -m venv $target/venv &&
    $target/venv/bin/pip install -qq --disable-pip-version-check -r $asked/requirements.txt ||
    echo "The Python clients could not be installed; their tests will be skipped."
if command -v npm >/dev/null 2>&1; then
    cp $asked/package.json $target/
    (cd $target && npm install --silent --no-package-lock --no-audit --no-fund --ignore-scripts) >/dev/null 2>&1 ||
        echo "The Node clients could not be installed; their tests will be skipped."
else
    echo "Node.js is not here; the tests of its clients will be skipped."
fi
[ -x $target/venv/bin/smart-fetch ] && [ -d $target/node_modules/fhirclient ] && echo "$fingerprint" >$stamp
exit 0
