"""One package a chat vendor, behind the protocol in `base`. Vendors' names, codes and ciphers stop at this line."""
