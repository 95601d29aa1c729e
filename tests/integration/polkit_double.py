# SPDX-License-Identifier: LGPL-2.1-or-later
"""A double of polkit's authority on the bus that DBUS_SYSTEM_BUS_ADDRESS names.

    polkit_double.py ANSWER-FILE LOG-FILE

Each question is answered as the answer file says at that time: yes, no, challenge, dismissed, or never; and written with all
that came with it to the log, a line of JSON each."""

import json
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

INTERFACE = "org.freedesktop.PolicyKit1.Authority"
ANSWERS = {
    "yes": (True, False, {}),
    "no": (False, False, {}),
    "challenge": (False, True, {}),
    "dismissed": (False, True, {"polkit.dismissed": "true"}),
}


class Authority(dbus.service.Object):
    def __init__(self, bus, answer, log):
        super().__init__(bus, "/org/freedesktop/PolicyKit1/Authority")
        self.answer, self.log, self.open = answer, log, {}

    def write(self, **what):
        with open(self.log, "a") as f:
            f.write(json.dumps(what) + "\n")

    @dbus.service.method(
        INTERFACE, "(sa{sv})sa{ss}us", "(bba{ss})", async_callbacks=("reply", "fail"), sender_keyword="sender"
    )
    def CheckAuthorization(self, subject, action, details, flags, cancel, reply, fail, sender):
        kind, facts = subject
        self.write(
            kind=str(kind),
            facts={str(k): int(v) for k, v in facts.items()},
            action=str(action),
            flags=int(flags),
            cancel=str(cancel),
        )
        with open(self.answer) as f:
            answer = f.read().strip()
        if answer == "never":
            self.open[str(cancel)] = fail
            return
        authorized, challenge, more = ANSWERS[answer]
        reply((authorized, challenge, dbus.Dictionary(more, signature="ss")))

    @dbus.service.method(INTERFACE, "s", "")
    def CancelCheckAuthorization(self, cancel):
        self.write(cancelled=str(cancel))
        fail = self.open.pop(str(cancel), None)
        if fail:
            fail(dbus.DBusException("called off", name="org.freedesktop.PolicyKit1.Error.Cancelled"))


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SystemBus()
    authority = Authority(bus, *sys.argv[1:])
    name = dbus.service.BusName("org.freedesktop.PolicyKit1", bus, do_not_queue=True)
    authority.write(ready=name.get_name())
    GLib.MainLoop().run()


main()
