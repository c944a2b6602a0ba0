import sys

from ssh.program import main

sys.exit(main(sys.argv[1:]))
