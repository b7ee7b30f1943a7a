std = "lua54+busted"
globals = { "ws", "host" }
max_line_length = 120
