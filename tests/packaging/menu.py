"""Reads the menus of the Buildroot tree as Buildroot does, and prints what a configuration gives.

    menu.py TOP CONFIGURATION    TOP sources the tree, $BR2_EXTERNAL_ELBUS_PATH says where
"""

import sys

import kconfiglib

menu = kconfiglib.Kconfig(sys.argv[1], warn_to_stderr=False)
# What this tree does not define, Buildroot does.
menu.warn_assign_undef = False
menu.load_config(sys.argv[2])
for warning in menu.warnings:
    print(f"warning: {warning}")
for symbol in menu.unique_defined_syms:
    print(f"{symbol.name}={symbol.str_value}")
