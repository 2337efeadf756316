"""`bulou`, also `python -m bot`: one list of commands, each loaded when it is asked for."""

import sys

from bot.commands.cli import Bulou

main = Bulou()

if __name__ == "__main__":
    sys.exit(main(prog_name="bulou"))
