#!/usr/bin/env python3
"""Prints the records that tests/io/tensorboard_test.cpp expects, encoded by Google's protobuf library.

Needs Debian's python3-protobuf. The message definitions are the fields of tensorflow/core/util/event.proto and
tensorflow/core/framework/summary.proto that an event file of scalars and pictures uses. With the path of an event file as
argument, prints what that library reads from it instead.
"""
import struct
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

OPTIONAL, REPEATED = 1, 3
DOUBLE, FLOAT, INT64, INT32, STRING, MESSAGE, BYTES = 1, 2, 3, 5, 9, 11, 12


def add_message(file, name, fields, oneof):
    """fields: (name, number, type, label, type name); oneof: names of those of which only one is set."""
    message = file.message_type.add(name=name)
    if oneof:
        message.oneof_decl.add(name="what")
    for field, number, kind, label, type_name in fields:
        added = message.field.add(name=field, number=number, type=kind, label=label)
        if type_name:
            added.type_name = type_name
        if field in oneof:
            added.oneof_index = 0


def event_class():
    file = descriptor_pb2.FileDescriptorProto(name="event.proto", package="tensorflow", syntax="proto3")
    add_message(file, "Image", [("height", 1, INT32, OPTIONAL, ""), ("width", 2, INT32, OPTIONAL, ""),
                                ("colorspace", 3, INT32, OPTIONAL, ""),
                                ("encoded_image_string", 4, BYTES, OPTIONAL, "")], ())
    add_message(file, "Value", [("tag", 1, STRING, OPTIONAL, ""), ("simple_value", 2, FLOAT, OPTIONAL, ""),
                                ("image", 4, MESSAGE, OPTIONAL, ".tensorflow.Image")], ("simple_value", "image"))
    add_message(file, "Summary", [("value", 1, MESSAGE, REPEATED, ".tensorflow.Value")], ())
    add_message(file, "Event", [("wall_time", 1, DOUBLE, OPTIONAL, ""), ("step", 2, INT64, OPTIONAL, ""),
                                ("file_version", 3, STRING, OPTIONAL, ""),
                                ("summary", 5, MESSAGE, OPTIONAL, ".tensorflow.Summary")], ("file_version", "summary"))
    pool = descriptor_pool.DescriptorPool()
    descriptor = pool.Add(file) or pool.FindFileByName("event.proto")
    return message_factory.MessageFactory(pool).GetPrototype(descriptor.message_types_by_name["Event"])


def masked_crc32c(data):
    """Bit by bit, from the polynomial alone."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(data):
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def read(path, event):
    data = open(path, "rb").read()
    while data:
        length = struct.unpack("<Q", data[:8])[0]
        payload = data[12:12 + length]
        assert data[:16 + length] == record(payload), "damaged record"
        print(event.FromString(payload))
        data = data[16 + length:]


def write(event):
    scalar = event(wall_time=1700000000.5, step=20000)
    scalar.summary.value.add(tag="Loss/D/loss", simple_value=0.25)
    zero = event()
    zero.summary.value.add(tag="zero", simple_value=0)
    picture = event(wall_time=2, step=-1)
    value = picture.summary.value.add(tag="fakes")
    value.image.height, value.image.width, value.image.colorspace = 300, 2, 3
    value.image.encoded_image_string = bytes(range(200))
    for name, message in (("scalar", scalar), ("zero", zero), ("picture", picture)):
        print(name, record(message.SerializeToString()).hex())


if __name__ == "__main__":
    read(sys.argv[1], event_class()) if len(sys.argv) > 1 else write(event_class())
