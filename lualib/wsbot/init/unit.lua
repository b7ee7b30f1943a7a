-- wsbot.init.unit: the service of a new project, for systemd 252 and later. What is a comment there is for those who
-- need it.
return [[
# {{name}}: a bot, as a service of systemd. The bot is in /opt/{{name}}, and this file in /etc/systemd/system/.
# What may be written in it: man systemd.service, man systemd.exec.

[Unit]
Description={{name}}, a wsbot bot
Wants=network-online.target
After=network-online.target

[Service]
# The program says when it is ready (`host.ready`), when it reloads, and that its loop turns: one that is stuck for
# WatchdogSec is ended, and started again. SIGTERM, not SIGABRT: it tells the line of Lua code that was stuck.
Type=notify
NotifyAccess=main
WatchdogSec=30
WatchdogSignal=SIGTERM
WorkingDirectory=/opt/{{name}}
ExecStart=wsbot run --name {{name}} bot.lua wss://example.org/feed
ExecReload=kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
# Another try would end like the first: 2 says wrong options, and 78 (EX_CONFIG) is for the bot to say: host.stop(78).
RestartPreventExitStatus=2 78
# `host.on_stop` has ten seconds, the closing of connections five, and what was printed another five.
TimeoutStopSec=25

# Settings, as lines NAME=value. Each program that the bot starts gets them as well: no secrets.
#EnvironmentFile=/etc/{{name}}.env
# A secret, which the bot reads from the file $CREDENTIALS_DIRECTORY/api-key. Only root can read the file that is named.
#LoadCredential=api-key:/etc/{{name}}/api-key

# A user of its own, who is there while the service runs, and may write to /var/lib/{{name}} alone.
DynamicUser=yes
StateDirectory={{name}}
StateDirectoryMode=0700
UMask=0077

CapabilityBoundingSet=
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
]]
