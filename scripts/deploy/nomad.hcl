# A fleet of bots on Nomad, each with its share of the work.
#
#     nomad job run scripts/deploy/nomad.hcl
#
# Change: the name feed, the datacenters, the image, both numbers of shards, the arguments, what it may take.
job "feed" {
  datacenters = ["dc1"]
  type        = "service"

  # One after the other; the next when the last is ready (host.ready).
  update {
    max_parallel     = 1
    health_check     = "checks"
    min_healthy_time = "10s"
    auto_revert      = true
  }

  group "bot" {
    count = 4 # the same as in WSBOT_SHARD

    network {
      port "status" { to = 9100 }
    }

    # Its disk moves with it as far as that is possible.
    ephemeral_disk {
      sticky  = true
      migrate = true
      size    = 300
    }

    # One that ends is started again, ten seconds later, for ever.
    restart {
      attempts = 10
      interval = "5m"
      delay    = "10s"
      mode     = "delay"
    }

    service {
      name     = "feed"
      port     = "status"
      provider = "nomad"

      check {
        name     = "ready"
        type     = "http"
        path     = "/readyz"
        interval = "5s"
        timeout  = "5s"
      }
      check {
        name     = "alive"
        type     = "http"
        path     = "/livez"
        interval = "10s"
        timeout  = "5s"
        check_restart {
          limit = 3
          grace = "60s"
        }
      }
    }

    task "bot" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "30s" # host.on_stop has ten seconds, then connections say goodbye

      config {
        image = "registry.example.org/wsbot-feed:1" # see Containerfile: an image of the bot's own
        ports = ["status"]
        args = ["run", "--name", "feed-${NOMAD_ALLOC_INDEX}", "--state", "${NOMAD_ALLOC_DIR}/data/bot",
          "--status", "0.0.0.0:9100", "/bot/feed.lua", "wss://example.org/feed", "BTC-USD",
          "${NOMAD_SECRETS_DIR}/token"]
      }

      # Nomad counts from 0, wsbot from 1.
      template {
        data        = "WSBOT_SHARD={{ env \"NOMAD_ALLOC_INDEX\" | parseInt | add 1 }}/4"
        destination = "local/shard.env"
        env         = true
      }
      # Of Nomad's own store; the script reads it for each attempt to connect, so that a change needs no restart.
      template {
        data        = "{{ with nomadVar \"nomad/jobs/feed\" }}{{ .token }}{{ end }}"
        destination = "secrets/token"
        change_mode = "noop"
      }

      resources {
        cpu    = 100
        memory = 256
      }
    }
  }
}
