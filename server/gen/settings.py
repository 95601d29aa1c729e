# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the commented sample file and the manual page from server/config.def.

    settings.py sample CONFIG.DEF OUTPUT
    settings.py manual CONFIG.DEF OUTPUT VERSION

The table is read as the C compiler reads it: macro calls whose arguments are names, numbers and
string literals. Anything else in it is an error that names the place.
"""

import re
import sys
import textwrap

TYPES = ('INT', 'BOOL', 'MODE', 'STRING', 'PATH', 'LIST')
TOKEN = re.compile(r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>-?\w+)|(?P<mark>[(),]))')


class Setting:
    def __init__(self, args):
        (self.name, self.type, self.default, self.minimum, self.maximum, self.when, self.group,
         self.doc) = args

    def value(self):
        """The default as the file would have it."""
        if self.type == 'LIST':
            return '[ ]'
        if self.type == 'MODE':
            return '"%s"' % self.default
        if self.type in ('STRING', 'PATH'):
            return '"%s"' % (self.default or '')
        return str(self.default)

    def range(self):
        if self.type == 'BOOL':
            return '0 or 1'
        if self.type == 'INT':
            return 'a number from %s to %s' % (self.minimum, self.maximum)
        if self.type == 'MODE':
            return 'permissions, octal, in quotes'
        return {'STRING': 'a text', 'PATH': 'an absolute path', 'LIST': 'a list of texts'}[self.type]

    def remark(self):
        return {'NOW': '', 'LATER': 'Has no effect yet.', 'OLD': 'Has no effect.'}[self.when]


def literal(text):
    return re.sub(r'\\(.)', r'\1', text[1:-1])


def macro_calls(source):
    """(macro, arguments) for each SETTING… in the source; neighbouring literals are joined."""
    bare = re.sub(r'/\*.*?\*/', lambda m: re.sub(r'[^\n]', ' ', m.group()), source, flags=re.S)
    bare = re.sub(r'(?m)^#.*$', '', bare)
    at = 0
    while True:
        start = re.compile(r'\s*(\w+)\s*\(').match(bare, at)
        if not start:
            if bare[at:].strip():
                raise SystemExit('config.def:%d: a macro call is expected' % (bare.count('\n', 0, at) + 1))
            return
        args, current, at = [], None, start.end()
        while True:
            token = TOKEN.match(bare, at)
            if not token:
                raise SystemExit('config.def:%d: an argument is expected' % (bare.count('\n', 0, at) + 1))
            at = token.end()
            if token['mark'] in (',', ')'):
                args.append(current)
                current = None
                if token['mark'] == ')':
                    break
            elif token['text']:
                current = (current or '') + literal(token['text'])
            else:
                current = None if token['word'] == 'NULL' else token['word']
        yield start[1], args


def read_table(path):
    """Groups in order: (title, settings)."""
    groups = {}
    with open(path, encoding='utf-8') as source:
        for macro, args in macro_calls(source.read()):
            if macro == 'SETTING_GROUP' and len(args) == 2:
                groups[args[0]] = (args[1], [])
            elif macro == 'SETTING' and len(args) == 8 and args[1] in TYPES and args[6] in groups:
                groups[args[6]][1].append(Setting(args))
            else:
                raise SystemExit('%s: %s(%s …) is not understood' % (path, macro, args[0]))
    return list(groups.values())


SAMPLE_HEAD = """\
# The configuration of droverd.
#
# Each setting stands here with its default, or without a value when it has none; take the '#' before
# its name away to change it.
# The file is read as libvirtd.conf is: a name, '=', and a number, a text in quotes, or a list of texts
# in brackets, which may span lines. An unknown name or a wrong value stops the start, and is told with
# its line. droverd(8) says more about the program itself.
"""


def sample(groups, _version):
    lines = [SAMPLE_HEAD]
    for title, settings in groups:
        lines.append('#' * 78)
        lines.append('# %s\n' % title)
        for setting in settings:
            doc = ' '.join(filter(None, (setting.doc, setting.remark())))
            lines += textwrap.wrap(doc, 100, initial_indent='# ', subsequent_indent='# ', break_on_hyphens=False)
            lines.append('#%s = %s\n' % (setting.name, setting.value()))
    return '\n'.join(lines)


def roff(text):
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return '\\&' + text if text[:1] in ".'" else text


OPTIONS = [
    ('--config', 'FILE', 'Reads FILE instead of the default configuration file. FILE must exist.'),
    ('--root', 'DIR', 'Puts DIR before every default path: configuration, definitions, sockets and pid file are then '
     'below DIR, so that many servers run side by side, and none needs to be root. Paths that the '
     'configuration file names are taken as they are.'),
    ('--pid-file', 'FILE', 'Writes the process id to FILE; the default is droverd.pid in the directory of the '
     'sockets.'),
    ('--daemon', None, 'Goes into the background. The command ends when the server can be reached, or with its error.'),
    ('--verbose', None, 'Logs information too, as log_level = 2 does.'),
    ('--version', None, 'Prints the version and ends.'),
    ('--help', None, 'Prints the options and ends.'),
]

MANUAL_HEAD = """\
.\\" Made from server/config.def by server/gen/settings.py; changes belong there.
.TH DROVERD 8 "" "drover {version}" "System administration"
.SH NAME
droverd \\- virtualization management server
.SH SYNOPSIS
.B droverd
.RB [ \\-\\-config
.IR FILE ]
.RB [ \\-\\-root
.IR DIR ]
.RB [ \\-\\-pid\\-file
.IR FILE ]
.RB [ \\-\\-daemon ]
.RB [ \\-\\-verbose ]
.SH DESCRIPTION
.B droverd
owns the virtual machines of a host and answers the clients of libvirt: virsh, virt\\-admin, the bindings, and
what is built upon them. It takes the place of libvirtd.
.PP
Without root it serves its user alone: its paths are then below
.I $XDG_RUNTIME_DIR
and
.IR $XDG_CONFIG_HOME .
"""

MANUAL_MIDDLE = """\
.SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT
Ends in order: nobody is accepted any more, calls that run may finish for a while.
.TP
.B SIGHUP
Reads the configuration file again and opens log files again. A file with an error in it changes nothing. What takes effect at
once: the limits of clients and the time limits (those that virt\\-admin can set, and
.BR max_anonymous_clients ,
.BR max_anonymous_per_address ,
.BR max_client_queue ,
.BR max_client_parked ,
.BR max_client_streams ,
.BR max_client_output ,
.BR max_client_events ,
.BR max_identity_workers ,
.BR login_timeout ,
.BR client_write_timeout ,
.BR domain_job_timeout ,
keepalive), the log,
.BR audit_logging ,
.BR access_policy
and the file that it names,
.BR identity_weights ,
.BR sasl_allowed_username_list ,
.BR tcp_min_ssf ,
and, where the server listens for TLS, all settings of certificates and
.B tls_priority
with their files, for connections that begin later. Other settings need a restart.
.SH FILES
.TP
.I /etc/drover/droverd.conf
The configuration file; it may be missing. Without root:
.IR $XDG_CONFIG_HOME/drover/droverd.conf .
.TP
.I /etc/drover
The definitions of guests, a folder for each driver.
.TP
.I /run/drover
The sockets libvirt\\-sock, libvirt\\-sock\\-ro and libvirt\\-admin\\-sock, and droverd.pid.
.SH EXIT STATUS
0 after an orderly end, 1 when it could not start; the reason is on standard error and in the log.
.SH CONFIGURATION
The file is read as libvirtd.conf is: lines
.I name
=
.IR value ,
where a value is a number, a text in single or double quotes, or a list of texts in brackets that may span lines; what
follows a # is a comment. When a name stands there twice, the first one counts. A name that is not below, or a value
that doesn't fit, is an error.
"""

MANUAL_END = """\
.SH SEE ALSO
.BR virsh (1),
.BR virt\\-admin (1),
.BR systemd.socket (5)
"""


def manual(groups, version):
    text = MANUAL_HEAD.replace('{version}', roff(version)) + '.SH OPTIONS\n'
    for option, argument, doc in OPTIONS:
        text += '.TP\n.B %s\n' % roff(option) if not argument else '.TP\n.BI %s " %s"\n' % (roff(option), argument)
        text += roff(doc) + '\n'
    text += MANUAL_MIDDLE
    for title, settings in groups:
        text += '.SS "%s"\n' % roff(title)
        for setting in settings:
            default = '' if setting.default is None else ', default ' + setting.value()
            text += '.TP\n.B %s\n(%s%s)\n.br\n' % (roff(setting.name), roff(setting.range()), roff(default))
            text += roff(' '.join(filter(None, (setting.doc, setting.remark())))) + '\n'
    return text + MANUAL_END


def main(kind, table, output, version=''):
    make = {'sample': sample, 'manual': manual}[kind]
    with open(output, 'w', encoding='utf-8') as out:
        out.write(make(read_table(table), version))


if __name__ == '__main__':
    main(*sys.argv[1:])
