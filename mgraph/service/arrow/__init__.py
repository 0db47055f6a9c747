"""Rows as streams of Arrow record batches, through a graph and back.

Source:
    Apache Arrow, Columnar Format 1.4: "Serialization and Interprocess Communication (IPC)", and the
    tables of Message.fbs and Schema.fbs, whose fields are found as FlatBuffers lays them out.
"""
