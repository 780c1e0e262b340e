"""A Kerberos realm of a test's own: a KDC, principals and their keytabs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from unlearn.services.address import Address, free_port
from unlearn.services.protocol import wait_until

__all__ = ["KDC", "Realm"]

KDC = shutil.which("krb5kdc", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
REALM = "TEST.INVALID"
_CONFIG = """
[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 {realm} = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 localhost = {realm}
[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[dbmodules]
 {realm} = {{
  database_name = {folder}/principal
  db_library = db2
 }}
"""


class Realm:
    """`environment` is what Kerberos' programs and libraries are told of it by."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, port = folder, free_port()
        self.config = folder / "krb5.conf"
        text = _CONFIG.format(realm=REALM, port=port, folder=folder)
        self.config.write_text(text)
        (folder / "kdc.conf").write_text(
            f"[realms]\n {REALM} = {{\n  key_stash_file = {folder}/stash\n  acl_file = {folder}/acl\n }}\n"
        )
        self.tickets = folder / "tickets"
        self.environment = {
            "KRB5_CONFIG": str(self.config),
            "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
            "KRB5CCNAME": f"FILE:{self.tickets}",
        }
        self._run("/usr/sbin/kdb5_util", "create", "-s", "-r", REALM, "-P", "of the realm")
        assert KDC is not None
        self._kdc = subprocess.Popen([KDC, "-n", "-r", REALM], env=os.environ | self.environment)
        assert wait_until(Address("127.0.0.1", port).listens, 30)

    def principal(self, name: str) -> Path:
        """Made, with its keytab."""
        keytab = self._folder / f"{name.replace('/', '-')}.keytab"
        for query in (f"addprinc -randkey {name}", f"ktadd -k {keytab} {name}"):
            self._run("/usr/sbin/kadmin.local", "-r", REALM, "-q", query)
        return keytab

    def log_in(self, name: str, keytab: Path) -> None:
        self._run("kinit", "-k", "-t", str(keytab), name)

    def log_out(self) -> None:
        self.tickets.unlink(missing_ok=True)

    def close(self) -> None:
        self._kdc.kill()
        self._kdc.wait(30)

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, env=os.environ | self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
