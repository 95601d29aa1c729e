#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Derives from the tables of rpc/protocol what the rest of drover compiles.

    procs.py program NAME OUT TABLE…    types, codec, rows and client of one program into the folder OUT
    procs.py shared OUT TABLE…          the types of types.procs and their codec
    procs.py driver-ops FILE TABLE…     the operations of struct Driver
    procs.py invoke OUT TABLE…          invoke.c and invoke.h
    procs.py words FILE TABLE…          the fuzzers' dictionary

The first TABLE is the one with the shared types.
"""

import os
import sys

import emit_codec
import emit_ops
import emit_rows
import emit_types
from model import Reader
from table import TableError
from text import c_head, write


class Job:
    """The tables that were read, and where the output goes."""

    def __init__(self, tables):
        self.reader = Reader()
        self.sources = [os.path.basename(path) for path in tables]
        for path in tables:
            self.reader.read(path)

    def program(self, name):
        for program in self.reader.programs:
            if program.name == name:
                return program
        raise SystemExit(f'procs.py: no table has program {name}')

    def write(self, path, what, text, sources=None):
        write(path, c_head(sources or self.sources, what) + text)


def codec_header(prototypes, includes):
    lines = ''.join(f'#include "rpc/{name}"\n' for name in sorted(includes))
    return '#pragma once\n\n#include <stdbool.h>\n\n' + lines + '\n' + ''.join(prototypes)


def make_shared(job, out):
    program = job.reader.shared
    sources = job.sources[:1]
    job.write(f'{out}/shared-types.h', 'What more than one program uses.',
              emit_types.types_header(program, ['rpc/xdr.h']), sources)
    encoder, decoder = emit_codec.Encoder(), emit_codec.Decoder()
    header = codec_header([], ['shared-types.h', 'xdr.h'])
    header += '/* Decoders write every member; encoders fail when a limit is broken (XdrOut.failed says which). */\n'
    source = '#include "rpc/shared-codec.h"\n'
    for struct in program.structs:
        for coder, encode in ((decoder, False), (encoder, True)):
            header += emit_codec.struct_function(struct, coder, encode, declare_only=True)
            source += '\n' + emit_codec.struct_function(struct, coder, encode)
    job.write(f'{out}/shared-codec.h', 'Encoders and decoders of the shared types.', header, sources)
    job.write(f'{out}/shared-codec.c', 'Encoders and decoders of the shared types.', source, sources)


def make_program(job, name, out):
    program = job.program(name)
    types = f'{name}-types.h'
    job.write(f'{out}/{types}', f'Numbers, limits and structs of the {name} program.',
              emit_types.types_header(program, ['rpc/shared-types.h']))
    server = emit_codec.server_side(program)
    what = f'Decoders of arguments (into zeroed memory), encoders of results and messages: {name}.'
    job.write(f'{out}/{name}-codec.h', what, codec_header(server.prototypes, [types, 'xdr.h']))
    job.write(f'{out}/{name}-codec.c', what, server.source([f'rpc/{name}-codec.h', 'rpc/shared-codec.h']))
    job.write(f'{out}/{name}-rows.h', f'The rows of the {name} program.', emit_rows.rows_header(program))
    job.write(f'{out}/{name}-rows.c', f'The rows of the {name} program.',
              f'#include "rpc/{name}-rows.h"\n\n#include <libvirt/libvirt.h>\n#include <libvirt/virterror.h>\n\n'
              f'#include "rpc/{name}-codec.h"\n\n' + emit_rows.program_text(program) + emit_rows.events_text(program))
    make_client(job, program, out)


def make_client(job, program, out):
    name = program.name
    client = emit_codec.client_side(program)
    what = f'The client\'s side, for tools and tests: encoders of arguments, decoders of results: {name}.'
    header = codec_header(client.prototypes, ['client-proc.h', f'{name}-types.h', 'xdr.h'])
    for proc in program.procs:
        if emit_codec.is_encoded(proc):
            header += '\n' + emit_types.struct_text(proc.result, decoded=True, name=emit_codec.reply_type(proc),
                                                    doc=f'What {proc.name} answers, decoded.')
    last = max(proc.number for proc in program.procs)
    header += f'\n/* By number. */\nextern const ClientProc {name}_client[{last + 1}];\n'
    job.write(f'{out}/{name}-client.h', what, header)
    job.write(f'{out}/{name}-client.c', what,
              client.source([f'rpc/{name}-client.h', 'rpc/shared-codec.h']) + emit_rows.client_rows_text(program))


def make_driver_ops(job, path):
    job.write(path, 'Members of struct Driver (drivers/driver.h), which includes this file inside.',
              emit_ops.driver_ops(job.reader.programs))


def make_invoke(job, out):
    what = 'Calls the operation of a procedure with its own types.'
    job.write(f'{out}/invoke.h', what, emit_ops.invoke_header(job.reader.programs))
    job.write(f'{out}/invoke.c', what, emit_ops.invoke_source(job.reader.programs))


def make_words(job, path):
    write(path, emit_rows.words_text(job.reader.programs))


MAKERS = {'program': (make_program, 2), 'shared': (make_shared, 1), 'driver-ops': (make_driver_ops, 1),
          'invoke': (make_invoke, 1), 'words': (make_words, 1)}


def main(argv):
    if not argv or argv[0] not in MAKERS or len(argv) < 2 + MAKERS[argv[0]][1]:
        raise SystemExit(__doc__)
    maker, n_words = MAKERS[argv[0]]
    try:
        maker(Job(argv[1 + n_words:]), *argv[1:1 + n_words])
    except TableError as error:
        raise SystemExit(str(error)) from None


if __name__ == '__main__':
    main(sys.argv[1:])
