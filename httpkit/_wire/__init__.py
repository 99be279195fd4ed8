"""How a message crosses the network: TLS settings, connections, pools, and the translation of their errors.

The only rooms that import urllib3's pools and connections.
"""
